//! Vectors of membership logs: entries, the rights that follow from them at every position, and the keys.

use std::collections::BTreeMap;

use samanvay_sync::SyncError;
use samanvay_sync::bytes::hex;
use samanvay_sync::id::{PostId, StreamId, UnitId};
use samanvay_sync::keys::AdminCard;
use samanvay_sync::log::{Body, Entry, Epoch, PostRole, Rights, StreamLog, UnitKind, UnitLog};
use samanvay_sync::schema::{ClassMask, Clearance};
use serde_json::{Value, json};

use crate::show;
use crate::world::{
    BEAT, DISTRICT, IN_CHARGE, OPEN, Phone, SEALED, STATION, Seeded, TIME, World, key, phone, recovery,
};

const NGO: UnitId = UnitId([0x52; 16]);
const WORKER: PostId = PostId([0x63; 16]);
const CLINIC: UnitId = UnitId([0x53; 16]);
const NODAL: PostId = PostId([0x64; 16]);
const UNITS: [UnitId; 3] = [STATION, NGO, CLINIC];

fn state_card(world: &World) -> AdminCard {
    AdminCard::issue(&world.authority, key(3).public(), 0, "राज्य समन्वयक")
}

/// A year of a small district: three units, one of them of the next district and named before it is pinned, a second
/// admin and an entry by both, a removal, a wrap, three epochs, a narrower clearance.
pub(crate) fn lived() -> World {
    let mut world = World::new();
    world.random = Seeded(103, 0);
    let (district_s, state_s) = (world.admin_card.clone(), state_card(&world));
    world.stream(Body::AdminAdd(state_s.clone()));
    let bodies = vec![
        Body::unit_genesis(&district_s, DISTRICT, UnitKind::Ngo, "सहारा समिति, मुलताई"),
        Body::post(WORKER, PostRole::FieldWorker, "कार्यकर्ता"),
        Body::Bind { post: WORKER, card: phone(12).card },
        Body::Bind { post: WORKER, card: phone(13).card },
        Body::post(WORKER, PostRole::Supervisor, "पर्यवेक्षक"),
    ];
    world.found_unit(NGO, &key(2), bodies);
    world.count(NGO);
    let reads = Body::Member { unit: NGO, post: WORKER, rights: Rights::READER };
    world.stream_by(reads, &[&key(2), &key(3)]);
    world.stream(Body::Member { unit: CLINIC, post: NODAL, rights: Rights::READER });
    let bodies = vec![
        Body::unit_genesis(&state_s, DISTRICT + 1, UnitKind::Department, "ज़िला अस्पताल, हरदा"),
        Body::post(NODAL, PostRole::NodalOfficer, "नोडल अधिकारी"),
        Body::Bind { post: NODAL, card: phone(16).card },
    ];
    world.found_unit(CLINIC, &key(3), bodies);
    world.count(CLINIC);
    world.epoch();
    let device = world.in_charge.id;
    world.remove(device);
    world.bind(IN_CHARGE, 14);
    world.count_unit();
    let newest = world.epochs.last().unwrap().clone();
    let wrap = world.log.wrap(phone(14).id, 2, &newest, &mut world.random).unwrap();
    world.stream(wrap);
    world.epoch();
    world.stream(Body::Clearance(Clearance::of(&[ClassMask::A, ClassMask::B, ClassMask::C])));
    world.stream(Body::Member { unit: STATION, post: BEAT, rights: Rights::NONE });
    world
}

/// Entries that must be refused right after all others.
fn refused(world: &World) -> Value {
    let draft = |body: Body, signer: u8| world.log.draft(TIME, body, &[&key(signer)]).unwrap();
    let member = Body::Member { unit: STATION, post: BEAT, rights: Rights::BOTH };
    let elsewhere = AdminCard::issue(&world.authority, key(4).public(), DISTRICT + 1, "पड़ोसी ज़िला");
    let own_word = AdminCard::issue(&key(4), key(4).public(), DISTRICT, "स्वयंभू");
    let genesis = world.entries.iter().find(|entry| entry.log() == SEALED.into()).unwrap().body().clone();
    let epoch = |number| {
        let (public, previous, recovery, boxes) = ([5; 32], Some([0; 80]), [0; 80], Vec::new());
        Body::Epoch(Box::new(Epoch { number, public, previous, recovery, boxes }))
    };
    let unit = &world.units[&STATION];
    let unit_at = |length| Body::UnitAt { unit: STATION, length, head: unit.head_at(length).unwrap() };
    let cases = [
        ("signer is not an admin of this log", draft(member.clone(), 11)),
        ("both signatures are by one key", { world.log.draft(TIME, member.clone(), &[&key(2), &key(2)]).unwrap() }),
        ("signer is not an admin of this log", {
            world.log.draft(TIME, member.clone(), &[&key(2), &key(11)]).unwrap()
        }),
        ("second genesis", draft(genesis, 2)),
        ("admin of another district", draft(Body::AdminAdd(elsewhere), 2)),
        ("admin is not certified by the authority", draft(Body::AdminAdd(own_word), 2)),
        ("box for a device that does not read", {
            draft(Body::Wrap { epoch: 3, device: phone(15).id, sealed: [0; 80] }, 2)
        }),
        ("epochs are numbered without gaps", draft(epoch(5), 2)),
        ("no such epoch", draft(Body::Wrap { epoch: 4, device: phone(14).id, sealed: [0; 80] }, 2)),
        ("the length of a unit's log never falls", draft(unit_at(2), 2)),
        ("this kind has no place in a stream's log", draft(Body::post(BEAT, PostRole::FieldWorker, "बीट"), 2)),
        ("does not follow the entry before", {
            let (index, prev) = (world.log.len(), world.units[&STATION].head());
            Entry::sign(SEALED.into(), index, prev, TIME, member, &[&key(2)]).unwrap()
        }),
    ];
    cases.iter().map(|(why, entry)| json!({"why": why, "entry": hex(entry.encode())})).collect()
}

/// Entries at which a reader of this version stops, each in the place after all others.
fn newer(world: &World) -> Value {
    let draft = |kind, body: &[u8]| {
        let body = Body::Unknown { kind, body: body.to_vec() };
        world.log.draft(TIME, body, &[&key(2)]).unwrap()
    };
    let member = [&STATION.0[..], &BEAT.0, &[4]].concat();
    let cases = [
        ("unknown kind", draft(77, "कल का नियम".as_bytes())),
        ("admin card of a later version", draft(3, &[&[33, 2][..], &[9; 32]].concat())),
        ("unknown right of a member", draft(8, &member)),
        ("unknown class in a clearance", draft(11, &[32])),
    ];
    cases.iter().map(|(why, entry)| json!({"why": why, "entry": hex(entry.encode())})).collect()
}

fn phones() -> [(&'static str, Phone); 5] {
    [
        ("in_charge", phone(11)),
        ("beat", phone(12)),
        ("worker", phone(13)),
        ("new_in_charge", phone(14)),
        ("nodal", phone(16)),
    ]
}

fn rights_table(log: &StreamLog) -> Value {
    let positions = 0..=log.len();
    let row = |position| {
        let of = |(name, phone): (&str, Phone)| (name.to_owned(), json!(log.rights(&phone.id, position).bits()));
        json!({
            "position": position,
            "epoch": log.epoch_at(position),
            "clearance": log.clearance_at(position).map_or(0, Clearance::bits),
            "rights": phones().into_iter().map(of).collect::<serde_json::Map<_, _>>(),
        })
    };
    positions.map(row).collect()
}

pub(crate) fn logs() -> Value {
    let world = lived();
    let devices = phones().map(|(name, phone)| {
        let keys = world.log.epoch_keys(&phone.keys.boxk, &phone.id);
        json!({
            "name": name,
            "id": phone.id.hex(),
            "card": hex(&phone.card.encode()),
            "x25519_private": hex(&*phone.keys.boxk.to_bytes()),
            "opens_epochs": keys.iter().map(|(number, _)| number).collect::<Vec<_>>(),
        })
    });
    let epochs = world.log.recovery_keys(&recovery());
    json!({
        "authority": hex(&world.authority.public()),
        "admin_card": hex(&world.admin_card.encode()),
        "units": UNITS.map(|unit| unit.hex()),
        "sealed_stream": SEALED.hex(),
        "open_stream": OPEN.hex(),
        "entries": world.entries.iter().map(|entry| hex(entry.encode())).collect::<Vec<_>>(),
        "hashes": world.entries.iter().map(|entry| entry.hash().hex()).collect::<Vec<_>>(),
        "devices": devices,
        "recovery_private": hex(&*recovery().to_bytes()),
        "epochs": epochs.iter().map(|(number, key)| json!({
            "number": number,
            "private": hex(&*key.to_bytes()),
            "public": hex(&key.public()),
        })).collect::<Value>(),
        "sealed_table": rights_table(&world.log),
        "open_table": rights_table(&world.open),
        "refused": refused(&world),
        "newer": newer(&world),
    })
}

/// The logs of the stored entries.
pub(crate) fn replay(stored: &Value) -> (BTreeMap<UnitId, UnitLog>, BTreeMap<StreamId, StreamLog>) {
    let authority = show::bytes(&stored["authority"]).try_into().unwrap();
    let mut units: BTreeMap<_, _> = UNITS.map(|id| (id, UnitLog::new(id, authority))).into();
    let mut streams: BTreeMap<_, _> = [SEALED, OPEN].map(|id| (id, StreamLog::new(id, authority))).into();
    for entry in stored["entries"].as_array().unwrap() {
        let entry = Entry::decode(&show::bytes(entry)).unwrap();
        if let Some(unit) = units.get_mut(&UnitId(entry.log().0)) {
            unit.append(&entry).unwrap();
        } else {
            streams.get_mut(&StreamId(entry.log().0)).unwrap().append(&entry, &units).unwrap();
        }
    }
    (units, streams)
}

/// Replays the stored entries and compares every answer.
pub(crate) fn read(stored: &Value) {
    let (units, streams) = replay(stored);
    assert_eq!(rights_table(&streams[&SEALED]), stored["sealed_table"]);
    assert_eq!(rights_table(&streams[&OPEN]), stored["open_table"]);
    let append = |case: &Value| {
        let entry = Entry::decode(&show::bytes(&case["entry"])).unwrap();
        streams[&SEALED].clone().append(&entry, &units).unwrap_err()
    };
    for case in stored["refused"].as_array().unwrap() {
        let refused = append(case);
        assert!(refused.to_string().ends_with(case["why"].as_str().unwrap()), "{refused}");
    }
    for case in stored["newer"].as_array().unwrap() {
        assert_eq!(append(case), SyncError::Newer, "{}", case["why"]);
    }
}
