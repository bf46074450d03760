//! A small district: an authority, its admin, a police station, an NGO, a supervisor, a hub on loopback and phones.
//! Everybody and every place name in records is invented.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use samanvay_hub::{Config, Hub, Running};
use samanvay_records::admin::{Admin, Authority, HubInfo};
use samanvay_records::answers::{Answers, fill};
use samanvay_records::env::{Clock, Moment};
use samanvay_records::view::SyncReport;
use samanvay_records::{Env, Lang, Profile, Profiles, SyncOptions};
use samanvay_sync::client::{Client, Timeouts};
use samanvay_sync::id::{Hash, PostId, StreamId, UnitId};
use samanvay_sync::log::{PostRole, Purpose, Rights, UnitKind};
use samanvay_sync::schema::Clearance;
use samanvay_vault::{KdfParams, Migration, Options, SoftKeyStore, Vault};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// Passphrase of every key file.
const WORDS: &str = "नर्मदा तट पर नीम की छाँव";
pub const PIN: &str = "482957";
/// 2026-11-24, 15:00 in India.
pub const NOON: i64 = 1_795_512_600_000;

/// A clock that tests move.
pub struct Hands(AtomicI64);

impl Hands {
    pub fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Moment {
        Moment { millis: self.0.load(Ordering::Relaxed), offset_minutes: 330 }
    }
}

struct Quiet;

impl samanvay_hub::log::LogSink for Quiet {
    fn line(&self, _json: &str) {}
}

/// The units' streams.
pub struct Streams {
    pub station: StreamId,
    pub ngo: StreamId,
    pub roll_up: StreamId,
    pub open: StreamId,
    pub coordination: StreamId,
}

/// A unit and its posts.
#[derive(Clone, Copy)]
pub struct Place {
    pub unit: UnitId,
    pub post: PostId,
}

pub struct World {
    pub folder: TempDir,
    pub clock: Arc<Hands>,
    pub admin: Mutex<Admin>,
    pub hub: Option<Running>,
    pub info: HubInfo,
    pub client: Client,
    pub streams: Streams,
    pub officer: Place,
    pub second_officer: Place,
    pub worker: Place,
    pub supervisor: Place,
    authority: [u8; 32],
}

impl World {
    /// A district whose hub runs and knows its logs.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands(AtomicI64::new(NOON)));
        let cost = KdfParams::WEAK_FOR_TESTS;
        let keys = folder.path().join("keys");
        std::fs::create_dir_all(&keys).unwrap();
        let authority = Authority::create(&keys.join("authority"), WORDS, cost).unwrap();
        let mut admin =
            Admin::create(&keys.join("betul"), WORDS, cost, authority.public(), authority.recovery(), clock.clone())
                .unwrap();
        admin.accept_card(&authority.certify(admin.public().unwrap(), 394, "बैतूल ज़िला")).unwrap();
        let (streams, [officer, second_officer, worker, supervisor]) = found(&mut admin);
        let hub = start(folder.path(), authority.public()).await;
        let public = hub.public();
        let info = HubInfo {
            url: public.url.clone(),
            ca: public.ca_der.clone(),
            pin: Hash(public.ca_pin),
            public: public.hub_public,
        };
        let client = Client::new(&info.url, &info.ca, &[info.pin], Timeouts::default()).unwrap();
        admin.publish(&client).await.unwrap();
        let admin = Mutex::new(admin);
        let authority = authority.public();
        let hub = Some(hub);
        Self {
            folder,
            clock,
            admin,
            hub,
            info,
            client,
            streams,
            officer,
            second_officer,
            worker,
            supervisor,
            authority,
        }
    }

    /// A phone without a profile's place in any unit yet.
    pub fn phone(&self, name: &str) -> Phone {
        let root = self.folder.path().join(name);
        Phone { root, clock: self.clock.clone() }
    }

    /// A phone whose profile is bound to a post and has synced once.
    pub async fn enrolled(&self, name: &str, place: Place) -> (Phone, Profile) {
        let phone = self.phone(name);
        let profile = phone.profiles().create("प्रोफ़ाइल 1", PIN).unwrap();
        self.enrol(&profile, place).await;
        sync(&profile).await;
        (phone, profile)
    }

    pub async fn enrol(&self, profile: &Profile, place: Place) {
        let code = self.admin.lock().await.invite(place.unit, place.post, &self.info, 900).unwrap();
        profile.enrol(&code).await.unwrap();
        let mut admin = self.admin.lock().await;
        let pending = admin.pending(&self.client).await.unwrap();
        let own = profile.device_id().unwrap();
        let pending = pending.iter().find(|pending| pending.device().hex() == own).unwrap();
        admin.approve(pending).unwrap();
        admin.publish(&self.client).await.unwrap();
    }

    /// Another district's admin, certified by the same authority.
    pub fn admin_of(&self, name: &str, district: u32, title: &str) -> Admin {
        let (keys, cost) = (self.folder.path().join("keys"), KdfParams::WEAK_FOR_TESTS);
        let authority = Authority::open(&keys.join("authority"), WORDS).unwrap();
        let (public, recovery) = (authority.public(), authority.recovery());
        let mut admin = Admin::create(&keys.join(name), WORDS, cost, public, recovery, self.clock.clone()).unwrap();
        admin.accept_card(&authority.certify(admin.public().unwrap(), district, title)).unwrap();
        admin
    }

    pub async fn stop_hub(&mut self) {
        if let Some(hub) = self.hub.take() {
            hub.stop().await;
        }
    }

    /// Starts the hub again on the same port, on whatever its folder holds now.
    pub async fn start_hub(&mut self) {
        let port = self.info.url.rsplit(':').next().unwrap().parse().unwrap();
        self.hub = Some(start_at(self.folder.path(), self.authority, port).await);
    }
}

async fn start(folder: &Path, authority: [u8; 32]) -> Running {
    start_at(folder, authority, 0).await
}

async fn start_at(folder: &Path, authority: [u8; 32], port: u16) -> Running {
    let dir = folder.join("hub");
    let schemas = folder.join("schemas");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::create_dir_all(&schemas).unwrap();
    for kind in samanvay_records::kinds::all() {
        std::fs::write(schemas.join(format!("{}.schema", kind.name())), kind.schema().encode()).unwrap();
    }
    let mut config = Config::new(dir);
    config.authority = Some(authority);
    config.schemas = Some(schemas);
    config.listen.set_port(port);
    config.log = Arc::new(Quiet);
    Hub::start(config).await.unwrap()
}

/// Units, posts, streams and members of the district.
fn found(admin: &mut Admin) -> (Streams, [Place; 4]) {
    let station = admin.add_unit(UnitKind::PoliceStation, "महिला थाना, बैतूल").unwrap();
    let officer = Place {
        unit: station, post: admin.add_post(station, PostRole::InCharge, "थाना प्रभारी").unwrap()
    };
    let second = Place {
        unit: station, post: admin.add_post(station, PostRole::FieldWorker, "बीट अधिकारी").unwrap()
    };
    let ngo = admin.add_unit(UnitKind::Ngo, "उजाला समिति").unwrap();
    let worker = Place {
        unit: ngo, post: admin.add_post(ngo, PostRole::FieldWorker, "क्षेत्र कार्यकर्ता").unwrap()
    };
    let office = admin.add_unit(UnitKind::Supervisor, "ज़िला निगरानी कार्यालय").unwrap();
    let supervisor = Place {
        unit: office, post: admin.add_post(office, PostRole::Supervisor, "पर्यवेक्षक").unwrap()
    };
    let clearance = |bits| Clearance::from_bits(bits).unwrap();
    let streams = Streams {
        station: admin.add_stream(Purpose::Unit, Clearance::ALL, "महिला थाना").unwrap(),
        ngo: admin.add_stream(Purpose::Unit, clearance(7), "उजाला समिति").unwrap(),
        roll_up: admin.add_stream(Purpose::RollUp, clearance(3), "बैतूल सार").unwrap(),
        open: admin.add_stream(Purpose::Open, Clearance::OPEN, "बैतूल खुला").unwrap(),
        coordination: admin.add_stream(Purpose::Coordination, clearance(7), "समन्वय").unwrap(),
    };
    for (stream, place, rights) in [
        (streams.station, officer, Rights::BOTH),
        (streams.station, second, Rights::BOTH),
        (streams.ngo, worker, Rights::BOTH),
        (streams.roll_up, officer, Rights::WRITER),
        (streams.roll_up, second, Rights::WRITER),
        (streams.roll_up, worker, Rights::WRITER),
        (streams.roll_up, supervisor, Rights::READER),
        (streams.open, officer, Rights::BOTH),
        (streams.open, second, Rights::BOTH),
        (streams.open, worker, Rights::BOTH),
        (streams.open, supervisor, Rights::READER),
        (streams.coordination, officer, Rights::BOTH),
        (streams.coordination, worker, Rights::BOTH),
    ] {
        admin.set_member(stream, place.unit, place.post, rights).unwrap();
    }
    (streams, [officer, second, worker, supervisor])
}

/// A folder that stands for one phone.
pub struct Phone {
    pub root: PathBuf,
    pub clock: Arc<Hands>,
}

impl Phone {
    pub fn profiles(&self) -> Profiles {
        std::fs::create_dir_all(&self.root).unwrap();
        let env = Env {
            clock: self.clock.clone(),
            key_store: Arc::new(SoftKeyStore::open(&self.root.join("keystore")).unwrap()),
            kdf: KdfParams::WEAK_FOR_TESTS,
            language: Lang::Hi,
        };
        Profiles::open(&self.root, env).unwrap()
    }

    /// The only profile, opened and unlocked.
    pub fn reopen(&self) -> Profile {
        let profile = self.locked();
        let _ = profile.unlock(PIN).unwrap();
        profile
    }

    pub fn locked(&self) -> Profile {
        let profiles = self.profiles();
        let entries = profiles.list().unwrap();
        profiles.get(&entries[0].id).unwrap()
    }

    pub fn lose_database(&self) {
        for file in ["vault.db", "vault.db-wal", "vault.db-shm"] {
            let path = self.profile_folder().join(file);
            if path.exists() {
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    /// Bytes of the outbox: where the last save ends.
    pub fn outbox_end(&self) -> usize {
        std::fs::read(self.outbox()).unwrap().len()
    }

    /// Spoils one byte of the save that ends here.
    pub fn lose_save(&self, end: usize) {
        flip(&self.outbox(), end - 20);
    }

    fn outbox(&self) -> PathBuf {
        self.profile_folder().join("outbox-00000001.log")
    }

    /// The folder of the only profile.
    pub fn profile_folder(&self) -> PathBuf {
        let id = self.profiles().list().unwrap()[0].id.clone();
        self.root.join("profiles").join(id)
    }
}

/// Spoils one byte of a file.
pub fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x5A;
    std::fs::write(path, bytes).unwrap();
}

pub async fn sync(profile: &Profile) -> SyncReport {
    profile.sync(&SyncOptions::default()).await.unwrap()
}

/// A missing girl of eleven, FIR not registered yet.
pub fn report(name: &str) -> String {
    format!(
        r#"{{
        "name_hi": "{name}", "gender": "F", "age_years": 11, "age_basis": "stated", "can_tell": "yes",
        "father_name": "रामसनेही काकोड़िया", "home_district": "394", "home_address": "ग्राम सेहरा, टंकी के पास",
        "last_seen_at": "2026-11-23T07:30:00.000+05:30", "last_seen_place": "कोठी बाज़ार",
        "reported_at": "2026-11-23T13:05:00.000+05:30", "reporter_name": "सुगरती बाई", "reporter_relation": "mother",
        "reporter_phone": "९८२६०१२३४५", "marks": ["none_known"], "circumstances": "scolding",
        "risk_flags": ["under_12", "girl"], "fir_not_registered_reason": "being_written",
        "dissemination": ["none_yet"]
    }}"#
    )
}

/// An awareness session of 45 people.
pub fn session(lead: &str) -> String {
    format!(
        r#"{{
        "campaign": "chetna", "topics": ["gtbt", "pocso"], "methods": ["talk", "film"], "language": "hi",
        "helplines_told": ["1098", "112"], "venue_type": "school", "district": "394", "place_text": "ग्राम सेहरा",
        "start": "2026-11-24T10:00:00.000+05:30", "end": "2026-11-24T11:30:00.000+05:30",
        "mode": "tally", "tally_10_13_f": 25, "tally_10_13_m": "२०", "lead": "{lead}",
        "facilitator_count": 2, "women_facilitators": 1, "verifier": "principal"
    }}"#
    )
}

/// Fills and finishes a form; gives the record's id.
pub fn save(profile: &Profile, kind: &str, json: &str) -> String {
    let mut form = profile.start(kind).unwrap();
    fill(&mut form, &Answers::read(json).unwrap()).unwrap().unwrap();
    form.finish().unwrap()
}

/// Changes one field of a record.
pub fn change(profile: &Profile, record: &str, json: &str) {
    let mut form = profile.edit(record).unwrap();
    fill(&mut form, &Answers::read(json).unwrap()).unwrap().unwrap();
    form.finish().unwrap();
}

/// The stored value of a field outside repeats; empty if it has none.
pub fn value(profile: &Profile, record: &str, name: &str) -> String {
    let view = profile.show(record).unwrap();
    view.fields.iter().find(|field| field.name == name).map(|field| field.raw.clone()).unwrap_or_default()
}

/// The only profile's vault itself, unlocked: to look at, and to make what cannot be made from outside.
pub fn vault(phone: &Phone) -> Vault {
    let sql = include_str!("../../migrations/0001_records.sql");
    let migrations = vec![Migration { number: 1, name: "records", sql }];
    let options = Options { kdf: KdfParams::WEAK_FOR_TESTS, migrations };
    let store = Arc::new(SoftKeyStore::open(&phone.root.join("keystore")).unwrap());
    let vault = Vault::open(&phone.profile_folder(), store, options).unwrap();
    let _ = vault.unlock(PIN.as_bytes()).unwrap();
    vault
}
