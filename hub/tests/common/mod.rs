//! A small world for tests: an authority, an admin of Betul, a police station with posts, streams, and devices that talk to
//! a real hub over TLS on loopback. All names are invented. Randomness is seeded.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

pub mod raw;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use samanvay_hub::log::LogSink;
use samanvay_hub::{Clock, Config, Hub, Running};
use samanvay_sync::client::{Client, ClientError, Timeouts};
use samanvay_sync::id::{Generation, Hash, LogId, OpId, PostId, RecordId, StreamId, UnitId};
use samanvay_sync::invite::Offer;
use samanvay_sync::keys::{AdminCard, BoxKey, Card, DeviceKeys, Random, SignKey, TransportKey, draw, sha256};
use samanvay_sync::log::{Body, Entry, PostRole, Purpose, RemoveReason, Rights, StreamLog, UnitKind, UnitLog};
use samanvay_sync::op::{Change, Op, Value, Write};
use samanvay_sync::schema::{ClassMask, Clearance, Field, FieldKind, Schema};
use samanvay_sync::segment::{Known, Place, Sealing, Segment, seal};
use samanvay_sync::wire::{AdminAct, AdminRequest, Append, Asked, Refusal, SyncReply, SyncRequest, decode_list};
use tempfile::TempDir;

pub const BETUL: u32 = 394;
pub const NOW: u64 = 1_795_600_000;

/// A seeded source of bytes.
pub struct Seeded(u64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(seed << 32)
    }
}

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) -> samanvay_sync::Result<()> {
        for chunk in out.chunks_mut(32) {
            self.0 += 1;
            let block = sha256(&[b"seeded", &self.0.to_be_bytes()]);
            chunk.copy_from_slice(&block.0[..chunk.len()]);
        }
        Ok(())
    }
}

pub struct StoryClock(AtomicU64);

impl StoryClock {
    pub fn pass(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for StoryClock {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Keeps log lines for tests to look at.
#[derive(Default)]
pub struct Lines(pub std::sync::Mutex<Vec<String>>);

impl LogSink for Lines {
    fn line(&self, json: &str) {
        self.0.lock().unwrap().push(json.to_owned());
    }
}

/// The offline side: keys that no hub ever sees, and the admin's copies of the logs.
pub struct Admin {
    pub random: Seeded,
    pub authority: SignKey,
    pub key: SignKey,
    pub card: AdminCard,
    pub recovery: BoxKey,
    pub units: BTreeMap<UnitId, UnitLog>,
    pub streams: HashMap<StreamId, StreamLog>,
    pub epochs: HashMap<StreamId, BoxKey>,
    /// What has been written and not yet published, in order.
    pub written: Vec<Entry>,
}

impl Admin {
    pub fn new(seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        let (authority, _) = SignKey::generate(&mut random).unwrap();
        let (key, _) = SignKey::generate(&mut random).unwrap();
        let card = AdminCard::issue(&authority, key.public(), BETUL, "ज़िला कार्यालय बैतूल");
        let recovery = BoxKey::generate(&mut random).unwrap();
        let (units, streams, epochs) = (BTreeMap::new(), HashMap::new(), HashMap::new());
        Self { random, authority, key, card, recovery, units, streams, epochs, written: Vec::new() }
    }

    pub fn unit(&mut self, name: &str) -> UnitId {
        let id = UnitId(draw(&mut self.random).unwrap());
        self.units.insert(id, UnitLog::new(id, self.authority.public()));
        self.unit_entry(id, Body::unit_genesis(&self.card.clone(), BETUL, UnitKind::PoliceStation, name));
        id
    }

    pub fn post(&mut self, unit: UnitId, name: &str) -> PostId {
        let post = PostId(draw(&mut self.random).unwrap());
        self.unit_entry(unit, Body::post(post, PostRole::FieldWorker, name));
        post
    }

    pub fn unit_entry(&mut self, unit: UnitId, body: Body) {
        let log = self.units.get_mut(&unit).unwrap();
        let entry = log.draft(NOW, body, &[&self.key]).unwrap();
        log.append(&entry).unwrap();
        self.written.push(entry);
    }

    pub fn stream(&mut self, purpose: Purpose, clearance: Clearance, name: &str) -> StreamId {
        let id = StreamId(draw(&mut self.random).unwrap());
        self.streams.insert(id, StreamLog::new(id, self.authority.public()));
        let genesis = Body::stream_genesis(&self.card, BETUL, purpose, clearance, name, self.recovery.public());
        self.stream_entry(id, genesis);
        id
    }

    pub fn stream_entry(&mut self, stream: StreamId, body: Body) {
        let log = self.streams.get_mut(&stream).unwrap();
        let entry = log.draft(NOW, body, &[&self.key]).unwrap();
        log.append(&entry, &self.units).unwrap();
        self.written.push(entry);
    }

    pub fn unit_at(&mut self, stream: StreamId, unit: UnitId) {
        let body = Body::unit_at(&self.units[&unit]);
        self.stream_entry(stream, body);
    }

    pub fn epoch(&mut self, stream: StreamId) {
        let previous = self.epochs.get(&stream);
        let (body, key) = self.streams[&stream].new_epoch(previous, &mut self.random).unwrap();
        self.stream_entry(stream, body);
        self.epochs.insert(stream, key);
    }

    /// A stream whose members are these posts of one unit, with its first epoch unless it is open.
    pub fn stream_of(&mut self, purpose: Purpose, unit: UnitId, members: &[(PostId, Rights)]) -> StreamId {
        let stream = self.stream(purpose, Clearance::ALL, "महिला थाना बैतूल");
        self.unit_at(stream, unit);
        for (post, rights) in members {
            self.stream_entry(stream, Body::Member { unit, post: *post, rights: *rights });
        }
        if purpose != Purpose::Open {
            self.epoch(stream);
        }
        stream
    }

    /// Sends everything written to the hub, entry by entry, in order.
    pub async fn publish(&mut self, client: &Client) -> Result<(), ClientError> {
        for entry in std::mem::take(&mut self.written) {
            append(client, &entry).await?;
        }
        Ok(())
    }

    pub async fn read_log(&self, client: &Client, log: LogId) -> Vec<Vec<u8>> {
        let request = AdminRequest::sign(AdminAct::ReadLog { log, from: 0 }, &self.card, NOW, &self.key);
        decode_list(&client.admin(request.encode()).await.unwrap()).unwrap()
    }
}

pub async fn append(client: &Client, entry: &Entry) -> Result<u64, ClientError> {
    let append = Append { log: entry.log(), length: entry.index(), entries: vec![entry.encode().to_vec()] };
    client.append(append.encode()).await
}

/// A phone: its keys and the chains it has written.
pub struct Device {
    pub random: Seeded,
    pub keys: DeviceKeys,
    pub transport: SignKey,
    pub card: Card,
    pub generation: Generation,
    pub number: u64,
    pub counter: u64,
    /// Next number and last hash of each chain.
    pub chains: HashMap<StreamId, (u64, Hash)>,
}

impl Device {
    pub fn new(seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        let (sign, _) = SignKey::generate(&mut random).unwrap();
        let keys = DeviceKeys { sign, boxk: BoxKey::generate(&mut random).unwrap() };
        let (transport, _) = SignKey::generate(&mut random).unwrap();
        let card = keys.card(TransportKey { public: transport.public() });
        let generation = Generation(draw(&mut random).unwrap());
        Self { random, keys, transport, card, generation, number: 0, counter: 0, chains: HashMap::new() }
    }

    pub fn op(&mut self, record: RecordId, schema: &Schema, values: &[(&str, Value)]) -> Op {
        let id = OpId {
            device: self.keys.device_id(),
            generation: self.generation,
            counter: self.counter,
            tag: draw(&mut self.random).unwrap(),
        };
        self.counter += 1;
        let changes = values.iter().map(|(name, value)| Change {
            rows: Vec::new(),
            field: schema.field_named(name).unwrap().id,
            replaces: Vec::new(),
            write: Write::Set(value.clone()),
        });
        let (schema, seconds) = (schema.id(), NOW.cast_signed());
        let changes = changes.collect();
        let mut op = Op { id, record, schema, creates: true, anchored: false, seconds, routes: Vec::new(), changes };
        op.sort();
        op
    }

    /// The next segment of this device in a stream.
    pub fn write(&mut self, log: &StreamLog, ops: &[Op]) -> Segment {
        let (first, prev) = self.chains.get(&log.id()).copied().unwrap_or_default();
        let segment = self.write_at(log, ops, first, prev);
        self.chains.insert(log.id(), (first + ops.len() as u64, segment.hash()));
        segment
    }

    pub fn write_at(&mut self, log: &StreamLog, ops: &[Op], first: u64, prev: Hash) -> Segment {
        let place = Place {
            stream: log.id(),
            author: self.keys.device_id(),
            generation: self.generation,
            first,
            prev,
            position: log.len(),
        };
        seal(ops, &place, &Sealing::now(log).unwrap(), &self.keys.sign, &mut self.random).unwrap()
    }

    /// A signed request with the next number, and the hashes of what it pushes.
    pub fn request(&mut self, streams: &[Ask]) -> (SyncRequest, Vec<u8>, Vec<Hash>) {
        self.number += 1;
        let known = |segment: &Segment| Known {
            author: Some(self.keys.device_id()),
            generation: Some(self.generation),
            prev: Some(segment.header.prev),
        };
        let asked = streams.iter().map(|ask| Asked {
            stream: ask.stream.handle(),
            segments: ask.segments,
            cursor: ask.cursor,
            log: ask.log,
            pushes: ask.push.iter().map(|segment| segment.to_wire(&known(segment)).unwrap()).collect(),
        });
        let hashes = streams.iter().flat_map(|ask| ask.push.iter().map(Segment::hash)).collect();
        let request = SyncRequest {
            device: self.keys.device_id(),
            generation: self.generation,
            number: self.number,
            budget: 1 << 20,
            streams: asked.collect(),
        };
        let bytes = self.sign(&request);
        (request, bytes, hashes)
    }

    pub fn sign(&self, request: &SyncRequest) -> Vec<u8> {
        let message = |message: &[u8]| -> Result<_, ()> { Ok(raw_sign(&self.transport, message)) };
        request.encode(message).unwrap()
    }

    pub async fn sync(&mut self, hub: &TestHub, streams: &[Ask]) -> Result<SyncReply, ClientError> {
        let (request, bytes, hashes) = self.request(streams);
        let reply = hub.client.sync(bytes).await?;
        Ok(SyncReply::decode(&reply, &request, &hashes, &hub.running.public().hub_public).unwrap())
    }
}

/// Signs a message that already carries its context.
fn raw_sign(key: &SignKey, message: &[u8]) -> [u8; 64] {
    let split = message.iter().position(|byte| *byte == 0).unwrap();
    key.sign(std::str::from_utf8(&message[..split]).unwrap(), &message[split + 1..])
}

/// What a device asks about one stream.
#[derive(Clone, Default)]
pub struct Ask {
    pub stream: StreamId,
    pub segments: bool,
    pub cursor: u64,
    pub log: u64,
    pub push: Vec<Segment>,
}

impl Ask {
    pub fn push(stream: StreamId, log: u64, push: Vec<Segment>) -> Self {
        Self { stream, log, push, ..Self::default() }
    }

    pub fn pull(stream: StreamId, cursor: u64, log: u64) -> Self {
        Self { stream, segments: true, cursor, log, ..Self::default() }
    }
}

/// A running hub and a client of it.
pub struct TestHub {
    pub running: Running,
    pub client: Client,
    pub lines: Arc<Lines>,
    pub clock: Arc<StoryClock>,
}

impl TestHub {
    pub async fn start(dir: &Path, authority: &SignKey) -> Self {
        Self::start_with(dir, authority, |_| ()).await
    }

    pub async fn start_with(dir: &Path, authority: &SignKey, change: impl FnOnce(&mut Config)) -> Self {
        let lines = Arc::new(Lines::default());
        let mut config = Config::new(dir);
        config.authority = Some(authority.public());
        let clock = Arc::new(StoryClock(AtomicU64::new(NOW * 1000)));
        config.clock = clock.clone();
        config.log = lines.clone();
        change(&mut config);
        let running = Hub::start(config).await.unwrap();
        let client = client_of(&running);
        Self { running, client, lines, clock }
    }

    /// Whether a log line holds this.
    pub fn has_logged(&self, text: &str) -> bool {
        self.lines.0.lock().unwrap().iter().any(|line| line.contains(text))
    }
}

pub fn client_of(running: &Running) -> Client {
    let public = running.public();
    Client::new(&public.url, &public.ca_der, &[Hash(public.ca_pin)], Timeouts::default()).unwrap()
}

/// A station with a beat officer and an in-charge, both bound, and a hub that holds the logs.
pub struct Station {
    pub dir: TempDir,
    pub admin: Admin,
    pub hub: TestHub,
    pub unit: UnitId,
    pub beat: PostId,
    pub in_charge: PostId,
    pub officer: Device,
    pub chief: Device,
    /// The station's own work: both read and write.
    pub own: StreamId,
    /// The district roll-up: both write, nobody here reads.
    pub roll_up: StreamId,
    /// The open stream of the district: the officer writes.
    pub open: StreamId,
}

impl Station {
    /// What an invite for a post of the station says.
    pub fn offer(&self, post: PostId) -> Offer {
        let public = self.hub.running.public();
        Offer {
            unit: self.unit,
            post,
            expires: NOW + 900,
            hub_url: public.url.clone(),
            pins: vec![Hash(public.ca_pin)],
            ca: public.ca_der.clone(),
            authority: public.authority.unwrap(),
            hub: public.hub_public,
        }
    }

    pub async fn new() -> Self {
        Self::new_with(|_| ()).await
    }

    pub async fn new_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = TempDir::new().unwrap();
        let schemas = dir.path().join("schemas");
        std::fs::create_dir(&schemas).unwrap();
        for schema in [session_schema(), case_schema()] {
            std::fs::write(schemas.join(format!("{}.schema", schema.form_id())), schema.encode()).unwrap();
        }
        let mut admin = Admin::new(1);
        let unit = admin.unit("महिला थाना बैतूल");
        let (beat, in_charge) = (admin.post(unit, "बीट अधिकारी, कोठीबाज़ार"), admin.post(unit, "थाना प्रभारी"));
        let (officer, chief) = (Device::new(11), Device::new(12));
        admin.unit_entry(unit, Body::Bind { post: beat, card: officer.card.clone() });
        admin.unit_entry(unit, Body::Bind { post: in_charge, card: chief.card.clone() });
        let both = [(beat, Rights::BOTH), (in_charge, Rights::BOTH)];
        let writers = [(beat, Rights::WRITER), (in_charge, Rights::WRITER)];
        let own = admin.stream_of(Purpose::Unit, unit, &both);
        let roll_up = admin.stream_of(Purpose::RollUp, unit, &writers);
        let open = admin.stream_of(Purpose::Open, unit, &[(beat, Rights::WRITER), (in_charge, Rights::READER)]);
        let hub = TestHub::start_with(dir.path().join("hub").as_path(), &admin.authority, |config| {
            config.schemas = Some(schemas);
            change(config);
        })
        .await;
        admin.publish(&hub.client).await.unwrap();
        Self { dir, admin, hub, unit, beat, in_charge, officer, chief, own, roll_up, open }
    }

    pub fn log(&self, stream: StreamId) -> &StreamLog {
        &self.admin.streams[&stream]
    }

    /// One more record of the officer, as the next segment in a stream.
    pub fn officer_writes(&mut self, stream: StreamId, nth: u8) -> Segment {
        let schema = session_schema();
        let op = self.officer.op(RecordId([nth; 16]), &schema, &[("campaign", Value::Int(0))]);
        self.officer.write(&self.admin.streams[&stream], &[op])
    }

    /// A post of another unit, and a device bound to it.
    pub fn neighbour(&mut self, seed: u64) -> (UnitId, PostId, Device) {
        let unit = self.admin.unit("आशा किरण सेवा समिति");
        let post = self.admin.post(unit, "क्षेत्र कार्यकर्ता");
        let device = Device::new(seed);
        self.admin.unit_entry(unit, Body::Bind { post, card: device.card.clone() });
        (unit, post, device)
    }

    pub async fn publish(&mut self) {
        self.admin.publish(&self.hub.client).await.unwrap();
    }

    /// Removes the officer's device from the unit. The streams' logs do not say so yet.
    pub async fn remove_officer(&mut self) {
        let device = self.officer.keys.device_id();
        self.admin.unit_entry(self.unit, Body::Remove { device, reason: RemoveReason::Lost });
        self.publish().await;
    }

    /// The hub's store while the hub is stopped.
    pub fn store(&self) -> PathBuf {
        self.dir.path().join("hub/hub.sqlite")
    }

    /// Stops the hub and starts it again on the same folder.
    pub async fn restart(self) -> Self {
        self.restart_after(|_| ()).await
    }

    /// Stops the hub, changes its folder, and starts it again.
    pub async fn restart_after(mut self, change: impl FnOnce(&Path)) -> Self {
        self.hub.running.stop().await;
        change(&self.dir.path().join("hub"));
        let schemas = self.dir.path().join("schemas");
        self.hub = TestHub::start_with(&self.dir.path().join("hub"), &self.admin.authority, |config| {
            config.schemas = Some(schemas);
        })
        .await;
        self
    }
}

pub fn refusal<T: std::fmt::Debug>(result: Result<T, ClientError>) -> Refusal {
    match result.unwrap_err() {
        ClientError::Refused(refusal) => refusal,
        other => panic!("not a refusal: {other}"),
    }
}

fn field(id: u32, name: &str, kind: FieldKind, class: ClassMask, choices: &[&str]) -> Field {
    let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
    Field { id, name: name.to_owned(), kind, class, coarse: false, calculated: false, parent: 0, choices }
}

pub fn session_schema() -> Schema {
    let fields = vec![
        field(1, "campaign", FieldKind::Choice, ClassMask::A, &["srijan", "muskaan"]),
        field(2, "tally_10_13_f", FieldKind::Int, ClassMask::A, &[]),
        field(3, "tally_60p_m", FieldKind::Int, ClassMask::A, &[]),
        field(4, "place_text", FieldKind::Text, ClassMask::B, &[]),
        field(5, "venue_type", FieldKind::Choice, ClassMask::A, &["school", "cci_osc"]),
        field(6, "topics", FieldKind::Choices, ClassMask::A, &["pocso", "jj"]),
        field(7, "visitors", FieldKind::Repeat, ClassMask::UNSET, &[]),
        Field { parent: 7, ..field(8, "visitor_age", FieldKind::Int, ClassMask::A, &[]) },
    ];
    Schema::new("awareness_session", "1", fields).unwrap()
}

pub fn case_schema() -> Schema {
    let fields = vec![
        field(1, "district", FieldKind::Choice, ClassMask::A, &["394", "396"]),
        field(2, "kind", FieldKind::Choice, ClassMask::A, &["missing", "rescue"]),
        field(3, "state", FieldKind::Choice, ClassMask::A, &["open", "closed"]),
    ];
    Schema::new("case_fact", "1", fields).unwrap()
}
