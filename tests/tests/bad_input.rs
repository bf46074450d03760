//! What must not come through between devices and a hub: another hub, a post without clearance, a field above a stream's
//! clearance. Each is refused by name, and nothing is lost. What concerns one crate alone is tested there.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;

use samanvay_hub::{Config, Hub};
use samanvay_records::answers::{Answers, fill};
use samanvay_records::error::NotAllowed;
use samanvay_records::view::{Filter, Place as Standing};
use samanvay_records::{Lang, RecordsError, SyncOptions, kinds};
use samanvay_sync::client::Client;
use samanvay_sync::id::{DeviceId, Generation, Hash, OpId, RecordId, StreamId, UnitId};
use samanvay_sync::keys::{BoxKey, DeviceKeys, Public, SignKey, SystemRandom, draw};
use samanvay_sync::log::{Body, Entry, StreamLog, UnitLog};
use samanvay_sync::op::{Change, Op, Value, Write};
use samanvay_sync::segment::{Known, Place, Sealing, seal};
use samanvay_sync::wire::{Asked, PushResult, SyncReply, SyncRequest};
use samanvay_tests::day::{self, FOLDER};
use samanvay_tests::net::Counter;
use samanvay_tests::stage::Stage;
use samanvay_tests::world::World;
use samanvay_vault::{KdfParams, Migration, Options, Vault};

/// The tables of a profile, which a vault must know to open it.
const RECORDS: Migration =
    Migration { number: 1, name: "records", sql: include_str!("../../core/records/migrations/0001_records.sql") };
const NAME: &str = "झिलमिलिका";

async fn stage(dir: &Path) -> (Stage, Counter) {
    let world = World::read(&Path::new(FOLDER).join("world.json")).unwrap();
    let mut stage = Stage::begin(dir, &world.begins, KdfParams::WEAK_FOR_TESTS, Lang::En, false).await.unwrap();
    stage.set_up(&world).await.unwrap();
    let counter = Counter::start(stage.hub().address()).await.unwrap();
    stage.enrol(&world, &format!("https://{}", counter.address())).await.unwrap();
    for device in stage.devices() {
        device.sync().await.unwrap();
    }
    stage.clock.move_to("2026-07-09T12:00:00+05:30").unwrap();
    (stage, counter)
}

fn report(stage: &Stage, device: &str, kind: &str, answers: &Answers) -> String {
    let mut session = stage.of(device).unwrap().profile.start(kind).unwrap();
    fill(&mut session, answers).unwrap().unwrap();
    session.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_hub_gets_nothing_and_the_true_one_everything_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, counter) = stage(&folder.path().join("stage")).await;
    let answers = day::answers("bench_missing_child").unwrap();
    let record = report(&stage, "beat", "missing_child", &answers);
    let mut config = Config::new(folder.path().join("false-hub"));
    config.log = std::sync::Arc::new(Silent);
    let false_hub = Hub::start(config).await.unwrap();

    counter.turn(false_hub.address());
    let beat = stage.of("beat").unwrap();
    assert!(matches!(beat.profile.sync(&SyncOptions::default()).await, Err(RecordsError::WrongHub)));
    assert_eq!(beat.profile.show(&record).unwrap().place, Standing::OnPhone);
    assert!(beat.profile.status().unwrap().problem.is_some());

    counter.turn(stage.hub().address());
    // Others talk nonsense to the same port meanwhile.
    let mut garbage = TcpStream::connect(counter.address()).unwrap();
    garbage.write_all(&[0x16, 0x03, 0x01, 0xff, 0xff, 0x00, 0x80]).unwrap();
    let sent = beat.sync().await.unwrap();
    assert!(sent.refused.is_empty());
    assert_eq!(beat.profile.show(&record).unwrap().place, Standing::OnHub);
    stage.of("in_charge").unwrap().sync().await.unwrap();
    assert_eq!(stage.of("in_charge").unwrap().profile.list(&Filter::default()).unwrap().len(), 1);
    false_hub.stop().await;
    stage.end().await;
}

struct Silent;

impl samanvay_hub::log::LogSink for Silent {
    fn line(&self, _json: &str) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_starts_nothing_that_its_streams_may_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, _counter) = stage(&folder.path().join("stage")).await;
    // The supervisor reads roll-ups; the NGO's own stream holds A, B and C; Labour coordinates and keeps no reports.
    for (device, kind) in [
        ("supervisor", "missing_child"),
        ("supervisor", "awareness_session"),
        ("ngo", "missing_child"),
        ("ngo", "coordination_meeting"),
        ("labour", "missing_child"),
    ] {
        let refused = stage.of(device).unwrap().profile.start(kind);
        assert!(matches!(refused, Err(RecordsError::NotAllowed(NotAllowed::NoHome))), "{device}, {kind}");
    }
    stage.end().await;
}

/// A device whose owner has taken the app apart: its keys, and the logs that the hub gives it.
struct Tampered {
    vault: Vault,
    keys: DeviceKeys,
    client: Client,
    hub: Public,
    number: u64,
}

impl Tampered {
    fn open(stage: &mut Stage, device: &str) -> Self {
        let device = stage.take(device).unwrap();
        let (dir, pin, id) = (device.dir.clone(), device.data.pin.clone(), device.profile.id().to_owned());
        drop(device);
        let env = stage.env(&dir, Lang::En).unwrap();
        let options = Options { kdf: env.kdf, migrations: vec![RECORDS] };
        let vault = Vault::open(&dir.join("profiles").join(id), env.key_store, options).unwrap();
        assert_eq!(vault.unlock(pin.as_bytes()).unwrap().pending, 0);
        let identity = vault.identity().unwrap();
        let keys = DeviceKeys {
            sign: SignKey::from_seed(identity.ed25519_seed.as_bytes()).unwrap(),
            boxk: BoxKey::from_bytes(identity.x25519_secret.as_bytes()).unwrap(),
        };
        Self { vault, keys, client: stage.client().unwrap(), hub: stage.hub().public().hub_public, number: 1_000 }
    }

    async fn send(&mut self, generation: Generation, streams: Vec<Asked>, hashes: &[Hash]) -> SyncReply {
        self.number += 1;
        let device = self.keys.device_id();
        let request = SyncRequest { device, generation, number: self.number, streams, budget: 1 << 20 };
        let bytes = request
            .encode(|message| self.vault.sign_transport(message).map(|signature| signature.try_into().unwrap()))
            .unwrap();
        SyncReply::decode(&self.client.sync(bytes).await.unwrap(), &request, hashes, &self.hub).unwrap()
    }

    /// The log of a stream, verified under the authority.
    async fn log(&mut self, stream: StreamId, authority: Public) -> StreamLog {
        let reply = self.send(Generation::default(), Vec::new(), &[]).await;
        let news = reply.news.into_iter().find(|news| news.stream == stream).unwrap();
        let mut units: BTreeMap<UnitId, UnitLog> = BTreeMap::new();
        let mut log = StreamLog::new(stream, authority);
        for bytes in news.entries {
            let entry = Entry::decode(&bytes).unwrap();
            let unit = UnitId(entry.log().0);
            if entry.log().0 == stream.0 {
                log.append(&entry, &units).unwrap();
            } else {
                assert!(units.contains_key(&unit) || matches!(entry.body(), Body::UnitGenesis { .. }));
                units.entry(unit).or_insert_with(|| UnitLog::new(unit, authority)).append(&entry).unwrap();
            }
        }
        log
    }

    /// Pushes an op that gives away a name into a stream that may not carry it.
    async fn push_name(&mut self, stream: StreamId, authority: Public) -> PushResult {
        let log = self.log(stream, authority).await;
        let generation = Generation(draw(&mut SystemRandom::new()).unwrap());
        let op = self.giving_away(generation);
        let device = self.keys.device_id();
        let place = Place { stream, author: device, generation, first: 0, prev: Hash::default(), position: log.len() };
        let sealing = Sealing::now(&log).unwrap();
        let segment = seal(&[op], &place, &sealing, &self.keys.sign, &mut SystemRandom::new()).unwrap();
        let known = Known { author: Some(device), generation: Some(generation), prev: None };
        let pushes = vec![segment.to_wire(&known).unwrap()];
        let asked = Asked { stream: stream.handle(), log: log.len(), pushes, ..Asked::default() };
        let reply = self.send(generation, vec![asked], &[segment.hash()]).await;
        reply.receipt.streams.first().unwrap().pushes.first().unwrap().result
    }

    fn giving_away(&self, generation: Generation) -> Op {
        let schema = kinds::named("missing_child").unwrap().schema();
        let set = |name: &str, value: Value| Change {
            rows: Vec::new(),
            field: schema.field_named(name).unwrap().id,
            replaces: Vec::new(),
            write: Write::Set(value),
        };
        let mut op = Op {
            id: OpId { device: self.device(), generation, counter: 0, tag: [1; 4] },
            record: RecordId(draw(&mut SystemRandom::new()).unwrap()),
            schema: schema.id(),
            creates: true,
            anchored: false,
            seconds: 1_783_580_000,
            routes: Vec::new(),
            changes: vec![set("gd_no", Value::Text("27".to_owned())), set("name_hi", Value::Text(NAME.to_owned()))],
        };
        op.sort();
        op
    }

    fn device(&self) -> DeviceId {
        self.keys.device_id()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_above_a_streams_clearance_is_refused_where_it_is_open_and_hidden_where_it_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stage, _counter) = stage(&folder.path().join("stage")).await;
    let authority = stage.hub().public().authority.unwrap();
    let (open, roll_up) = (stage.stream("betul_open").unwrap(), stage.stream("betul_roll_up").unwrap());
    let mut beat = Tampered::open(&mut stage, "beat");
    assert_eq!(beat.push_name(open, authority).await, PushResult::NotAdmitted);
    // The hub cannot read a sealed stream: it takes the segment, and readers hide the field.
    assert_eq!(beat.push_name(roll_up, authority).await, PushResult::Accepted);

    let supervisor = stage.of("supervisor").unwrap();
    let received = supervisor.sync().await.unwrap();
    assert_eq!((received.received_ops, received.kept_aside.len()), (1, 0));
    let rows = supervisor.profile.list(&Filter::default()).unwrap();
    let view = supervisor.profile.show(&rows.first().unwrap().record).unwrap();
    assert_eq!(view.hidden.len(), 1);
    let names: Vec<&str> = view.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["gd_no"]);
    assert!(!supervisor.profile.export(None).unwrap().contains(NAME));
    assert!(!format!("{rows:?}{view:?}").contains(NAME));
    stage.end().await;
}
