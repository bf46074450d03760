//! Entries that a log refuses, each with its rule, and that leave the log as it was.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use samanvay_sync::SyncError;
use samanvay_sync::id::{DeviceId, Hash, LogId, PostId, StreamId, UnitId};
use samanvay_sync::keys::{AdminCard, BoxKey, SignKey};
use samanvay_sync::log::{Body, Entry, Epoch, PostRole, Purpose, RemoveReason, Rights, StreamLog, UnitKind, UnitLog};
use samanvay_sync::schema::Clearance;
use world::{BEAT, DISTRICT, IN_CHARGE, OPEN, SEALED, STATION, TIME, World};

fn draft(world: &World, body: Body) -> Entry {
    world.log.draft(TIME, body, &[&world.admin]).unwrap()
}

/// The rule that the sealed stream's log refuses the entry by.
fn refused(world: &mut World, entry: &Entry) -> &'static str {
    let before = (world.log.len(), world.log.head());
    let why = match world.log.append(entry, &world.units) {
        Err(SyncError::BadEntry { why, .. }) => why,
        other => panic!("expected a refusal, got {other:?}"),
    };
    assert_eq!((world.log.len(), world.log.head()), before);
    why
}

fn refused_body(world: &mut World, body: Body) -> &'static str {
    let entry = draft(world, body);
    refused(world, &entry)
}

fn refused_by_unit(world: &World, body: Body) -> &'static str {
    let mut unit = world.units[&STATION].clone();
    let entry = unit.draft(TIME, body, &[&world.admin]).unwrap();
    match unit.append(&entry) {
        Err(SyncError::BadEntry { why, .. }) => why,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn member() -> Body {
    Body::Member { unit: STATION, post: BEAT, rights: Rights::BOTH }
}

#[test]
fn a_forged_entry_is_refused() {
    let mut world = World::new();
    let genuine = draft(&world, member());
    let bytes = genuine.encode();
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        if let Ok(entry) = Entry::decode(&changed) {
            assert!(world.log.append(&entry, &world.units).is_err(), "byte {at} may be changed");
        }
    }
    for cut in 0..bytes.len() {
        assert!(matches!(Entry::decode(&bytes[..cut]), Err(SyncError::Malformed(_))));
    }
    world.log.append(&genuine, &world.units).unwrap();
}

#[test]
fn a_signer_who_is_no_admin_of_the_log_is_refused() {
    let mut world = World::new();
    let in_charge = world::key(11);
    let entry = world.log.draft(TIME, member(), &[&in_charge]).unwrap();
    assert_eq!(refused(&mut world, &entry), "signer is not an admin of this log");
    let entry = world.log.draft(TIME, member(), &[&world.admin, &in_charge]).unwrap();
    assert_eq!(refused(&mut world, &entry), "signer is not an admin of this log");
    let entry = world.log.draft(TIME, member(), &[&world.admin, &world.admin]).unwrap();
    assert_eq!(refused(&mut world, &entry), "both signatures are by one key");
}

#[test]
fn an_entry_has_one_or_two_signers() {
    let world = World::new();
    let three: [&SignKey; 3] = [&world.admin, &world.authority, &world.admin];
    for keys in [&three[..], &[]] {
        assert!(matches!(world.log.draft(TIME, member(), keys), Err(SyncError::Malformed(_))));
    }
}

#[test]
fn order_chain_and_log_are_checked() {
    let mut world = World::new();
    let (index, head) = (world.log.len(), world.log.head());
    let mut sign = |log: LogId, index, prev| {
        let entry = Entry::sign(log, index, prev, TIME, member(), &[&world::key(2)]).unwrap();
        refused(&mut world, &entry)
    };
    assert_eq!(sign(OPEN.into(), index, head), "entry of another log");
    assert_eq!(sign(SEALED.into(), index + 1, head), "entries before it are missing");
    assert_eq!(sign(SEALED.into(), index, Hash([1; 32])), "does not follow the entry before");
    assert_eq!(sign(SEALED.into(), index - 1, head), "another entry stands here");
}

#[test]
fn a_log_has_one_genesis_and_begins_with_it() {
    let mut world = World::new();
    let card = world.admin_card.clone();
    let genesis = Body::stream_genesis(&card, DISTRICT, Purpose::Unit, Clearance::ALL, "फिर से", [1; 32]);
    assert_eq!(refused_body(&mut world, genesis.clone()), "second genesis");
    let unit_genesis = Body::unit_genesis(&card, DISTRICT, UnitKind::Ngo, "फिर से");
    assert_eq!(refused_by_unit(&world, unit_genesis.clone()), "second genesis");
    world.log = StreamLog::new(SEALED, world.authority.public());
    assert_eq!(refused_body(&mut world, member()), "a log begins with its genesis");
    assert_eq!(refused_body(&mut world, unit_genesis), "this kind has no place in a stream's log");
    world.units.insert(STATION, UnitLog::new(STATION, world.authority.public()));
    assert_eq!(refused_by_unit(&world, genesis), "this kind has no place in a unit's log");
    let (id, by_other) = (SEALED.into(), world::key(3));
    let genesis = Body::stream_genesis(&card, DISTRICT, Purpose::Unit, Clearance::ALL, "", [1; 32]);
    let entry = Entry::sign(id, 0, Hash::default(), TIME, genesis, &[&by_other]).unwrap();
    assert_eq!(refused(&mut world, &entry), "signer is not an admin of this log");
}

#[test]
fn an_admin_must_be_certified_for_the_district() {
    let mut world = World::new();
    let public = world::key(3).public();
    let elsewhere = AdminCard::issue(&world.authority, public, DISTRICT + 1, "पड़ोसी ज़िला");
    assert_eq!(refused_body(&mut world, Body::AdminAdd(elsewhere.clone())), "admin of another district");
    assert_eq!(refused_by_unit(&world, Body::AdminAdd(elsewhere)), "admin of another district");
    let own_word = AdminCard::issue(&world.admin, public, DISTRICT, "स्वयंभू");
    assert_eq!(refused_body(&mut world, Body::AdminAdd(own_word.clone())), "admin is not certified by the authority");

    world.log = StreamLog::new(SEALED, world.authority.public());
    let card = world.admin_card.clone();
    let genesis = |card, district| Body::stream_genesis(card, district, Purpose::Unit, Clearance::ALL, "", [1; 32]);
    assert_eq!(refused_body(&mut world, genesis(&card, DISTRICT + 1)), "admin of another district");
    let entry = world.log.draft(TIME, genesis(&own_word, DISTRICT), &[&world::key(3)]).unwrap();
    assert_eq!(refused(&mut world, &entry), "admin is not certified by the authority");
    let mut pinned_to_another = StreamLog::new(SEALED, world::key(9).public());
    let entry = draft(&world, genesis(&card, DISTRICT));
    assert!(pinned_to_another.append(&entry, &world.units).is_err());
}

#[test]
fn a_unit_s_log_refuses_what_names_nothing() {
    let world = World::new();
    let card = world::phone(13).card;
    assert_eq!(refused_by_unit(&world, Body::Bind { post: PostId([9; 16]), card }), "no such post");
    let (device, reason) = (world.stranger.id, RemoveReason::Left);
    assert_eq!(refused_by_unit(&world, Body::Remove { device, reason }), "device is not bound");
    assert_eq!(refused_by_unit(&world, member()), "this kind has no place in a unit's log");
}

#[test]
fn the_length_of_a_unit_s_log_never_falls_and_its_hash_must_fit() {
    let mut world = World::new();
    let unit = world.units[&STATION].clone();
    let at = |length, head| Body::UnitAt { unit: STATION, length, head };
    let shorter = unit.head_at(2).unwrap();
    assert_eq!(refused_body(&mut world, at(2, shorter)), "the length of a unit's log never falls");
    let elsewhere = at(unit.len(), Hash([7; 32]));
    assert_eq!(refused_body(&mut world, elsewhere), "unit's log has another entry there");
    let nothing = Body::UnitAt { unit: UnitId([8; 16]), length: 0, head: Hash::default() };
    assert_eq!(refused_body(&mut world, nothing), "the length of a unit's log never falls");
    world.units.insert(UnitId([8; 16]), UnitLog::new(UnitId([8; 16]), world::key(9).public()));
    let foreign = Body::UnitAt { unit: UnitId([8; 16]), length: 1, head: Hash::default() };
    assert_eq!(refused_body(&mut world, foreign), "unit of another authority");
    assert_eq!(
        refused_body(&mut world, Body::post(BEAT, PostRole::FieldWorker, "")),
        "this kind has no place in a stream's log"
    );
}

#[test]
fn a_box_for_a_device_that_does_not_read_is_refused() {
    let mut world = World::new();
    let newest = world.epochs[0].clone();
    for device in [world.beat.id, world.stranger.id] {
        let made = world.log.wrap(device, 1, &newest, &mut world.random);
        assert!(matches!(made, Err(SyncError::BadEntry { .. })));
        let wrap = Body::Wrap { epoch: 1, device, sealed: [0; 80] };
        assert_eq!(refused_body(&mut world, wrap), "box for a device that does not read");
        let epoch = an_epoch(2, Some([0; 80]), vec![(world.in_charge.id, [0; 80]), (device, [0; 80])]);
        assert_eq!(refused_body(&mut world, epoch), "box for a device that does not read");
    }
    let wrap = Body::Wrap { epoch: 2, device: world.in_charge.id, sealed: [0; 80] };
    assert_eq!(refused_body(&mut world, wrap), "no such epoch");
}

fn an_epoch(number: u64, previous: Option<[u8; 80]>, boxes: Vec<(DeviceId, [u8; 80])>) -> Body {
    Body::Epoch(Box::new(Epoch { number, public: [5; 32], previous, recovery: [0; 80], boxes }))
}

#[test]
fn epochs_are_numbered_and_each_seals_the_one_before() {
    let mut world = World::new();
    for number in [0, 1, 3, u64::MAX] {
        let epoch = an_epoch(number, Some([0; 80]), Vec::new());
        assert_eq!(refused_body(&mut world, epoch), "epochs are numbered without gaps");
    }
    let cut = an_epoch(2, None, Vec::new());
    assert_eq!(refused_body(&mut world, cut), "each epoch but the first seals the one before");
    let wrong = BoxKey::from_bytes(&[6; 32]).unwrap();
    for previous in [None, Some(&wrong)] {
        assert!(world.log.new_epoch(previous, &mut world.random).is_err());
    }
    assert!(world.log.wrap(world.in_charge.id, 1, &wrong, &mut world.random).is_err());
}

#[test]
fn an_open_stream_has_clearance_a_and_no_epochs() {
    let mut world = World::new();
    std::mem::swap(&mut world.log, &mut world.open);
    assert_eq!(refused_body(&mut world, an_epoch(1, None, Vec::new())), "an open stream has no epochs");
    let wrap = Body::Wrap { epoch: 1, device: world.beat.id, sealed: [0; 80] };
    assert_eq!(refused_body(&mut world, wrap), "an open stream has no epochs");
    assert!(world.log.new_epoch(None, &mut world.random).is_err());
    let wider = Body::Clearance(Clearance::ALL);
    assert_eq!(refused_body(&mut world, wider), "an open stream's clearance is A");
    world.log = StreamLog::new(StreamId([0x79; 16]), world.authority.public());
    let genesis = Body::StreamGenesis {
        admin: world.admin_card.clone(),
        district: DISTRICT,
        clearance: Clearance::ALL,
        purpose: Purpose::Open,
        name: String::new(),
        recovery: [0; 32],
    };
    assert_eq!(refused_body(&mut world, genesis), "an open stream's clearance is A");
}

#[test]
fn what_a_newer_version_wrote_is_kept_and_stops_the_log() {
    let mut world = World::new();
    let unknown = Body::Unknown { kind: 77, body: vec![1, 2, 3] };
    let entry = draft(&world, unknown.clone());
    let read = Entry::decode(entry.encode()).unwrap();
    assert_eq!((read.body(), read.encode()), (&unknown, entry.encode()));
    let before = world.log.len();
    assert_eq!(world.log.append(&read, &world.units), Err(SyncError::Newer));
    assert_eq!(world.log.len(), before);
    let by_stranger = world.log.draft(TIME, unknown, &[&world::key(8)]).unwrap();
    assert_eq!(refused(&mut world, &by_stranger), "signer is not an admin of this log");

    let new_role = Body::Unknown { kind: 4, body: [&IN_CHARGE.0[..], &[9, 0]].concat() };
    let entry = draft(&world, new_role.clone());
    assert_eq!(Entry::decode(entry.encode()).unwrap().body(), &new_role);
    let mut bytes = entry.encode().to_vec();
    bytes[0] = 2;
    assert_eq!(Entry::decode(&bytes), Err(SyncError::Newer));
}
