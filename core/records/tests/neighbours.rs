//! A unit of another district becomes a member: its admin hands the log over, and nobody else can write it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has failed")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use samanvay_hub::log::LogSink;
use samanvay_hub::{Config, Hub};
use samanvay_records::admin::{Admin, AdminError, Authority};
use samanvay_records::env::SystemClock;
use samanvay_sync::client::{Client, Timeouts};
use samanvay_sync::id::Hash;
use samanvay_sync::keys::{BoxKey, Card, DeviceKeys, SignKey, SystemRandom, TransportKey};
use samanvay_sync::log::{PostRole, Purpose, Rights, UnitKind};
use samanvay_sync::schema::{ClassMask, Clearance};
use samanvay_vault::KdfParams;

const CHEAP: KdfParams = KdfParams::WEAK_FOR_TESTS;
const PASSPHRASE: &str = "सात नीले मोर और नदी";
const BETUL: u32 = 394;
const BHOPAL: u32 = 396;

fn admin(folder: &Path, authority: &Authority, district: u32) -> Admin {
    let path = folder.join(format!("{district}.key"));
    let (public, recovery) = (authority.public(), authority.recovery());
    let mut admin = Admin::create(&path, PASSPHRASE, CHEAP, public, recovery, Arc::new(SystemClock)).unwrap();
    admin.accept_card(&authority.certify(admin.public().unwrap(), district, "ज़िला प्रबंधक")).unwrap();
    admin
}

fn card() -> Card {
    let mut random = SystemRandom::new();
    let sign = SignKey::generate(&mut random).unwrap().0;
    let transport = SignKey::generate(&mut random).unwrap().0.public();
    DeviceKeys { sign, boxk: BoxKey::generate(&mut random).unwrap() }.card(TransportKey { public: transport })
}

#[test]
fn a_neighbours_post_becomes_a_member_and_its_unit_is_followed_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(&folder.path().join("authority.key"), PASSPHRASE, CHEAP).unwrap();
    let (mut betul, mut bhopal) = (admin(folder.path(), &authority, BETUL), admin(folder.path(), &authority, BHOPAL));
    let ngo = bhopal.add_unit(UnitKind::Ngo, "आशा किरण सेवा समिति").unwrap();
    let worker = bhopal.add_post(ngo, PostRole::FieldWorker, "सामाजिक कार्यकर्ता").unwrap();
    let clearance = Clearance::of(&[ClassMask::A, ClassMask::B]);
    let stream = betul.add_stream(Purpose::RollUp, clearance, "बैतूल: ज़िले का सार").unwrap();
    let unknown = betul.set_member(stream, ngo, worker, Rights::WRITER);
    assert!(matches!(unknown, Err(AdminError::Unknown("unit"))));

    let short = bhopal.unit_log(ngo).unwrap();
    assert_eq!(betul.take_unit(&short).unwrap(), ngo);
    betul.set_member(stream, ngo, worker, Rights::WRITER).unwrap();
    assert!(betul.add_post(ngo, PostRole::InCharge, "झूठा पद").is_err());
    assert!(betul.bind(ngo, worker, &card()).is_err());

    bhopal.bind(ngo, worker, &card()).unwrap();
    let long = bhopal.unit_log(ngo).unwrap();
    assert_eq!(long.len(), short.len() + 1);
    betul.take_unit(&long).unwrap();
    // An older copy takes nothing away.
    betul.take_unit(&short).unwrap();
    assert_eq!(betul.unit_log(ngo).unwrap(), long);

    let path = folder.path().join(format!("{BETUL}.key"));
    let reopened = Admin::open(&path, PASSPHRASE, Arc::new(SystemClock)).unwrap();
    assert_eq!(reopened.unit_log(ngo).unwrap(), long);
}

#[test]
fn a_log_that_does_not_verify_or_is_another_is_refused_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(&folder.path().join("authority.key"), PASSPHRASE, CHEAP).unwrap();
    let second = Authority::create(&folder.path().join("second.key"), PASSPHRASE, CHEAP).unwrap();
    let mut betul = admin(folder.path(), &authority, BETUL);
    let mut foreign = admin(folder.path(), &second, BHOPAL);
    let unit = foreign.add_unit(UnitKind::Ngo, "आशा किरण सेवा समिति").unwrap();
    let log = foreign.unit_log(unit).unwrap();
    assert!(matches!(betul.take_unit(&log), Err(AdminError::Sync(_))), "of another authority");
    assert!(betul.take_unit(&[]).is_err());
    let mut changed = log.clone();
    let last = changed[0].len() - 1;
    changed[0][last] ^= 1;
    assert!(foreign.take_unit(&changed).is_err(), "not the log that is held");
    assert_eq!(foreign.unit_log(unit).unwrap(), log);
    assert!(matches!(betul.unit_log(unit), Err(AdminError::Unknown("unit"))));
}

/// What the hub tells its operator.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl LogSink for Told {
    fn line(&self, json: &str) {
        self.0.lock().unwrap().push(json.to_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_publishes_while_a_neighbours_unit_has_grown_at_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(&folder.path().join("authority.key"), PASSPHRASE, CHEAP).unwrap();
    let (mut betul, mut bhopal) = (admin(folder.path(), &authority, BETUL), admin(folder.path(), &authority, BHOPAL));
    let mut config = Config::new(folder.path().join("hub"));
    config.authority = Some(authority.public());
    let told = Arc::new(Told::default());
    config.log = Arc::clone(&told) as Arc<dyn LogSink>;
    let hub = Hub::start(config).await.unwrap();
    let public = hub.public();
    let client = Client::new(&public.url, &public.ca_der, &[Hash(public.ca_pin)], Timeouts::default()).unwrap();

    let ngo = bhopal.add_unit(UnitKind::Ngo, "आशा किरण सेवा समिति").unwrap();
    let worker = bhopal.add_post(ngo, PostRole::FieldWorker, "सामाजिक कार्यकर्ता").unwrap();
    bhopal.publish(&client).await.unwrap();
    betul.take_unit(&bhopal.unit_log(ngo).unwrap()).unwrap();
    bhopal.bind(ngo, worker, &card()).unwrap();
    bhopal.publish(&client).await.unwrap();

    let clearance = Clearance::of(&[ClassMask::A, ClassMask::B]);
    let stream = betul.add_stream(Purpose::RollUp, clearance, "बैतूल: ज़िले का सार").unwrap();
    betul.set_member(stream, ngo, worker, Rights::WRITER).unwrap();
    assert_eq!(betul.publish(&client).await.unwrap(), 4);
    assert_eq!(betul.publish(&client).await.unwrap(), 0);
    hub.stop().await;
    let lines = told.0.lock().unwrap();
    assert!(lines.iter().any(|line| line.contains("append")));
    let refused: Vec<_> = lines.iter().filter(|line| line.contains("log_moved")).collect();
    assert!(refused.is_empty(), "a neighbour's log was sent: {refused:?}");
}
