//! A small invented district for tests: an authority, an admin, a police station with two posts, a sealed and an open stream.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc)]

use std::collections::BTreeMap;

use samanvay_sync::Result;
use samanvay_sync::id::{DeviceId, Generation, Hash, OpId, PostId, RecordId, SchemaId, StreamId, UnitId};
use samanvay_sync::keys::{AdminCard, BoxKey, Card, DeviceKeys, Random, SignKey, TransportKey, sha256};
use samanvay_sync::log::{Body, Entry, PostRole, Purpose, RemoveReason, Rights, StreamLog, UnitKind, UnitLog};
use samanvay_sync::op::{Change, Op, Value, Write};
use samanvay_sync::schema::Clearance;
use samanvay_sync::segment::{Place, Sealing, Segment, seal};

pub(crate) const DISTRICT: u32 = 404;
pub(crate) const STATION: UnitId = UnitId([0x51; 16]);
pub(crate) const IN_CHARGE: PostId = PostId([0x61; 16]);
pub(crate) const BEAT: PostId = PostId([0x62; 16]);
pub(crate) const SEALED: StreamId = StreamId([0x71; 16]);
pub(crate) const OPEN: StreamId = StreamId([0x72; 16]);
pub(crate) const GENERATION: Generation = Generation([0x0e; 8]);
pub(crate) const TIME: u64 = 1_795_000_000;

/// A seeded source of bytes: SHA-256 over seed and counter.
pub(crate) struct Seeded(pub(crate) u64, pub(crate) u64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        for chunk in out.chunks_mut(32) {
            self.1 += 1;
            let block = sha256(&[&self.0.to_be_bytes(), &self.1.to_be_bytes()]);
            chunk.copy_from_slice(&block.0[..chunk.len()]);
        }
        Ok(())
    }
}

pub(crate) fn key(seed: u8) -> SignKey {
    SignKey::from_seed(&[seed; 32]).unwrap()
}

pub(crate) struct Phone {
    pub(crate) keys: DeviceKeys,
    pub(crate) transport: SignKey,
    pub(crate) card: Card,
    pub(crate) id: DeviceId,
}

/// The phone whose keys all come from `seed`.
pub(crate) fn phone(seed: u8) -> Phone {
    let keys = DeviceKeys { sign: key(seed), boxk: BoxKey::from_bytes(&[seed; 32]).unwrap() };
    let transport = key(seed ^ 0x80);
    let card = keys.card(TransportKey { public: transport.public() });
    Phone { id: keys.device_id(), keys, transport, card }
}

pub(crate) struct World {
    pub(crate) random: Seeded,
    pub(crate) authority: SignKey,
    pub(crate) admin: SignKey,
    pub(crate) admin_card: AdminCard,
    pub(crate) in_charge: Phone,
    pub(crate) beat: Phone,
    pub(crate) stranger: Phone,
    pub(crate) units: BTreeMap<UnitId, UnitLog>,
    pub(crate) log: StreamLog,
    pub(crate) open: StreamLog,
    pub(crate) epochs: Vec<BoxKey>,
    /// Every entry in the order it was written.
    pub(crate) entries: Vec<Entry>,
}

impl World {
    /// Everything but the members and epochs of the streams.
    pub(crate) fn founded() -> Self {
        let (authority, admin) = (key(1), key(2));
        let admin_card = AdminCard::issue(&authority, admin.public(), DISTRICT, "ज़िला समन्वयक, बैतूल");
        let mut world = Self {
            random: Seeded(7, 0),
            in_charge: phone(11),
            beat: phone(12),
            stranger: phone(13),
            units: BTreeMap::from([(STATION, UnitLog::new(STATION, authority.public()))]),
            log: StreamLog::new(SEALED, authority.public()),
            open: StreamLog::new(OPEN, authority.public()),
            authority,
            admin,
            admin_card,
            epochs: Vec::new(),
            entries: Vec::new(),
        };
        let card = world.admin_card.clone();
        world.unit(Body::unit_genesis(&card, DISTRICT, UnitKind::PoliceStation, "महिला थाना, बैतूल"));
        world.unit(Body::post(IN_CHARGE, PostRole::InCharge, "थाना प्रभारी"));
        world.unit(Body::post(BEAT, PostRole::FieldWorker, "बीट आरक्षक 3"));
        let recovery = recovery().public();
        let name = "महिला थाना बैतूल: अपना काम";
        world.stream(Body::stream_genesis(&card, DISTRICT, Purpose::Unit, Clearance::ALL, name, recovery));
        let name = "ज़िला बैतूल: खुले तथ्य";
        let genesis = Body::stream_genesis(&card, DISTRICT, Purpose::Open, Clearance::OPEN, name, recovery);
        world.open_stream(genesis);
        world
    }

    /// Both phones bound; the in-charge reads and writes, the beat officer writes only; one epoch.
    pub(crate) fn new() -> Self {
        let mut world = Self::founded();
        world.bind(IN_CHARGE, 11);
        world.bind(BEAT, 12);
        world.count_unit();
        world.stream(Body::Member { unit: STATION, post: IN_CHARGE, rights: Rights::BOTH });
        world.stream(Body::Member { unit: STATION, post: BEAT, rights: Rights::WRITER });
        world.epoch();
        let unit_at = Body::unit_at(&world.units[&STATION]);
        world.open_stream(unit_at);
        world.open_stream(Body::Member { unit: STATION, post: BEAT, rights: Rights::WRITER });
        world
    }

    /// Founds another unit and holds its log, which no stream counts yet.
    pub(crate) fn found_unit(&mut self, id: UnitId, signer: &SignKey, bodies: Vec<Body>) {
        let mut log = UnitLog::new(id, self.authority.public());
        for body in bodies {
            let entry = log.draft(TIME + 60, body, &[signer]).unwrap();
            log.append(&entry).unwrap();
            self.entries.push(entry);
        }
        self.units.insert(id, log);
    }

    pub(crate) fn bind(&mut self, post: PostId, seed: u8) {
        self.unit(Body::Bind { post, card: phone(seed).card });
    }

    pub(crate) fn remove(&mut self, device: DeviceId) {
        self.unit(Body::Remove { device, reason: RemoveReason::Lost });
    }

    pub(crate) fn count_unit(&mut self) {
        self.count(STATION);
    }

    pub(crate) fn count(&mut self, unit: UnitId) {
        let body = Body::unit_at(&self.units[&unit]);
        self.stream(body);
    }

    pub(crate) fn epoch(&mut self) {
        let (body, key) = self.log.new_epoch(self.epochs.last(), &mut self.random).unwrap();
        self.stream(body);
        self.epochs.push(key);
    }

    pub(crate) fn unit(&mut self, body: Body) {
        let unit = self.units.get_mut(&STATION).unwrap();
        let entry = unit.draft(TIME, body, &[&self.admin]).unwrap();
        unit.append(&entry).unwrap();
        self.entries.push(entry);
    }

    pub(crate) fn stream(&mut self, body: Body) {
        self.stream_by(body, &[&key(2)]);
    }

    pub(crate) fn stream_by(&mut self, body: Body, keys: &[&SignKey]) {
        let entry = self.log.draft(TIME, body, keys).unwrap();
        self.log.append(&entry, &self.units).unwrap();
        self.entries.push(entry);
    }

    pub(crate) fn open_stream(&mut self, body: Body) {
        let entry = self.open.draft(TIME, body, &[&self.admin]).unwrap();
        self.open.append(&entry, &self.units).unwrap();
        self.entries.push(entry);
    }

    /// The first place of a phone's chain in the sealed stream, at the present position.
    pub(crate) fn place(&self, author: DeviceId) -> Place {
        let (stream, position) = (SEALED, self.log.len());
        Place { stream, author, generation: GENERATION, first: 0, prev: Hash::default(), position }
    }

    pub(crate) fn sealing(&self) -> Sealing {
        Sealing::now(&self.log).unwrap()
    }

    /// One invented op of a phone, sealed at the present position.
    pub(crate) fn segment(&mut self, phone: &Phone) -> Segment {
        let (place, sealing) = (self.place(phone.id), self.sealing());
        seal(&[note(phone.id, 0, "कक्षा 8 में जागरूकता सत्र")], &place, &sealing, &phone.keys.sign, &mut self.random)
            .unwrap()
    }
}

/// The segment after a change, signed again by `phone`.
pub(crate) fn signed_again(segment: &Segment, phone: &Phone, change: impl Fn(&mut Segment)) -> Segment {
    let mut segment = segment.clone();
    change(&mut segment);
    let bytes = segment.encode();
    segment.signature = phone.keys.sign.sign("samanvay segment v1", &bytes[..bytes.len() - 64]);
    segment
}

/// The state's recovery key.
pub(crate) fn recovery() -> BoxKey {
    BoxKey::from_bytes(&[0x33; 32]).unwrap()
}

/// An op that creates a record with one text field.
pub(crate) fn note(device: DeviceId, counter: u64, text: &str) -> Op {
    let [.., a, b, c, d] = counter.wrapping_mul(0x9e37_79b1).to_be_bytes();
    Op {
        id: OpId { device, generation: GENERATION, counter, tag: [a, b, c, d] },
        record: RecordId([u8::try_from(counter % 251).unwrap(); 16]),
        schema: SchemaId([0x77; 8]),
        creates: true,
        anchored: true,
        seconds: 1_795_000_000,
        routes: Vec::new(),
        changes: vec![Change {
            rows: Vec::new(),
            field: 1,
            replaces: Vec::new(),
            write: Write::Set(Value::Text(text.to_owned())),
        }],
    }
}
