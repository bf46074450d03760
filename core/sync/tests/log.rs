//! Facts about membership logs: who may do what at which position, and who gets which keys.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use samanvay_sync::SyncError;
use samanvay_sync::id::{PostId, UnitId};
use samanvay_sync::keys::{AdminCard, BoxKey};
use samanvay_sync::log::{Appended, Body, Entry, EpochKeys, PostRole, Rights, StreamLog, UnitKind, UnitLog};
use samanvay_sync::schema::{ClassMask, Clearance};
use world::{BEAT, DISTRICT, IN_CHARGE, SEALED, STATION, TIME, World, phone, recovery};

fn numbers(keys: &EpochKeys) -> Vec<u64> {
    keys.iter().map(|(number, _)| number).collect()
}

#[test]
fn rights_follow_the_post_and_the_position() {
    let mut world = World::new();
    // 0 genesis, 1 unit at, 2 member in-charge, 3 member beat, 4 epoch
    let table = |world: &World, device| (0..=5).map(|p| world.log.rights(device, p)).collect::<Vec<_>>();
    let (none, both, writer) = (Rights::NONE, Rights::BOTH, Rights::WRITER);
    assert_eq!(table(&world, &world.in_charge.id), [none, none, none, both, both, both]);
    assert_eq!(table(&world, &world.beat.id), [none, none, none, none, writer, writer]);
    assert_eq!(table(&world, &world.stranger.id), [none; 6]);

    world.stream(Body::Member { unit: STATION, post: BEAT, rights: Rights::NONE });
    assert_eq!(world.log.rights(&world.beat.id, 5), writer);
    assert_eq!(world.log.rights(&world.beat.id, 6), none);
    assert_eq!(world.log.members_at(6).len(), 1);
}

#[test]
fn a_binding_counts_from_the_next_unit_at_on() {
    let mut world = World::new();
    world.bind(BEAT, 13);
    let before = world.log.len();
    assert_eq!(world.log.rights(&world.stranger.id, before), Rights::NONE);
    world.count_unit();
    assert_eq!(world.log.rights(&world.stranger.id, before), Rights::NONE);
    assert_eq!(world.log.rights(&world.stranger.id, before + 1), Rights::WRITER);
    assert_eq!(world.log.card(&world.stranger.id, before), None);
    assert_eq!(world.log.card(&world.stranger.id, before + 1), Some(&world.stranger.card));
}

#[test]
fn a_removed_device_keeps_its_past_and_loses_its_future() {
    let mut world = World::new();
    let device = world.in_charge.id;
    world.remove(device);
    world.count_unit();
    let now = world.log.len();
    assert_eq!(world.log.rights(&device, now - 1), Rights::BOTH);
    assert_eq!(world.log.rights(&device, now), Rights::NONE);
    world.epoch();
    assert_eq!(numbers(&world.log.epoch_keys(&world.in_charge.keys.boxk, &device)), [1]);
    assert!(world.log.readers_at(now).is_empty());
}

#[test]
fn a_later_bind_moves_the_device_to_another_post() {
    let mut world = World::new();
    world.bind(IN_CHARGE, 12);
    world.count_unit();
    let now = world.log.len();
    assert_eq!(world.log.rights(&world.beat.id, now - 1), Rights::WRITER);
    assert_eq!(world.log.rights(&world.beat.id, now), Rights::BOTH);
    let unit = &world.units[&STATION];
    assert_eq!(unit.bound(&world.beat.id, unit.len()).unwrap().0, IN_CHARGE);
    assert_eq!(unit.bound(&world.beat.id, unit.len() - 1).unwrap().0, BEAT);
    assert_eq!(unit.devices().len(), 2);
}

#[test]
fn two_units_that_bind_one_device_add_their_rights_up() {
    let mut world = World::new();
    let (ngo, desk) = (UnitId([0x52; 16]), PostId([0x63; 16]));
    let bodies = vec![
        Body::unit_genesis(&world.admin_card, DISTRICT, UnitKind::Ngo, "सहारा समिति"),
        Body::post(desk, PostRole::FieldWorker, "कार्यकर्ता"),
        Body::Bind { post: desk, card: phone(12).card },
    ];
    world.found_unit(ngo, &world::key(2), bodies);
    world.count(ngo);
    world.stream(Body::Member { unit: ngo, post: desk, rights: Rights::READER });
    let now = world.log.len();
    assert_eq!(world.log.rights(&world.beat.id, now - 1), Rights::WRITER);
    assert_eq!(world.log.rights(&world.beat.id, now), Rights::BOTH);
    assert_eq!(world.log.members_at(now).len(), 3);
    assert_eq!(world.log.readers_at(now).len(), 2);
}

#[test]
fn a_unit_of_another_district_is_a_member_from_its_pin_on_even_if_named_before() {
    let mut world = World::new();
    let (clinic, desk, state) = (UnitId([0x53; 16]), PostId([0x64; 16]), world::key(3));
    world.stream(Body::Member { unit: clinic, post: desk, rights: Rights::READER });
    let card = AdminCard::issue(&world.authority, state.public(), 0, "राज्य समन्वयक");
    let bodies = vec![
        Body::unit_genesis(&card, DISTRICT + 1, UnitKind::Department, "ज़िला अस्पताल, हरदा"),
        Body::post(desk, PostRole::NodalOfficer, "नोडल अधिकारी"),
        Body::Bind { post: desk, card: phone(16).card },
    ];
    world.found_unit(clinic, &state, bodies);
    let pinned = world.log.len();
    assert_eq!(world.log.rights(&phone(16).id, pinned), Rights::NONE);
    world.count(clinic);
    assert_eq!(world.log.rights(&phone(16).id, pinned), Rights::NONE);
    assert_eq!(world.log.rights(&phone(16).id, pinned + 1), Rights::READER);
}

#[test]
fn one_wrap_of_the_newest_epoch_opens_all_history() {
    let mut world = World::new();
    world.epoch();
    world.epoch();
    world.bind(IN_CHARGE, 13);
    world.count_unit();
    let (device, key) = (world.stranger.id, world.stranger.keys.boxk.clone());
    assert!(numbers(&world.log.epoch_keys(&key, &device)).is_empty());
    assert_eq!(world.log.readers_without_box(), [device]);
    let newest = world.epochs.last().unwrap().clone();
    let wrap = world.log.wrap(device, 3, &newest, &mut world.random).unwrap();
    world.stream(wrap);
    assert!(world.log.readers_without_box().is_empty());
    let keys = world.log.epoch_keys(&key, &device);
    assert_eq!(numbers(&keys), [1, 2, 3]);
    for (number, key) in keys.iter() {
        assert_eq!(*key.to_bytes(), *world.epochs[usize::try_from(number).unwrap() - 1].to_bytes());
    }
}

#[test]
fn recovery_opens_every_epoch_and_other_keys_none() {
    let mut world = World::new();
    world.epoch();
    assert_eq!(numbers(&world.log.recovery_keys(&recovery())), [1, 2]);
    let other = BoxKey::from_bytes(&[0x34; 32]).unwrap();
    assert!(numbers(&world.log.recovery_keys(&other)).is_empty());
    assert!(numbers(&world.log.epoch_keys(&other, &world.in_charge.id)).is_empty());
}

#[test]
fn epochs_and_clearance_are_known_at_every_position() {
    let mut world = World::new();
    world.epoch();
    let roll_up = Clearance::of(&[ClassMask::A, ClassMask::B]);
    world.stream(Body::Clearance(roll_up));
    let epochs: Vec<_> = (0..=7).map(|p| world.log.epoch_at(p)).collect();
    assert_eq!(epochs, [0, 0, 0, 0, 0, 1, 2, 2]);
    assert_eq!(world.log.newest_epoch(), Some((2, world.epochs[1].public())));
    assert_eq!(world.log.clearance_at(0), None);
    assert_eq!(world.log.clearance_at(6), Some(Clearance::ALL));
    assert_eq!(world.log.clearance_at(7), Some(roll_up));
}

#[test]
fn a_log_read_from_its_bytes_answers_alike() {
    let mut world = World::new();
    world.epoch();
    let mut units = world.units.clone();
    units.insert(STATION, UnitLog::new(STATION, world.authority.public()));
    let mut log = StreamLog::new(SEALED, world.authority.public());
    for entry in &world.entries {
        let read = Entry::decode(entry.encode()).unwrap();
        assert_eq!(&read, entry);
        if read.log() == STATION.into() {
            assert_eq!(units.get_mut(&STATION).unwrap().append(&read).unwrap(), Appended::New);
            assert_eq!(units.get_mut(&STATION).unwrap().append(&read).unwrap(), Appended::Held);
        } else if read.log() == SEALED.into() {
            assert_eq!(log.append(&read, &units).unwrap(), Appended::New);
            assert_eq!(log.append(&read, &units).unwrap(), Appended::Held);
        }
    }
    assert_eq!((log.len(), log.head()), (world.log.len(), world.log.head()));
    for position in 0..=log.len() {
        assert_eq!(log.members_at(position), world.log.members_at(position));
    }
}

#[test]
fn a_unit_s_log_that_is_behind_is_asked_for() {
    let mut world = World::new();
    let behind = world.units.clone();
    world.bind(BEAT, 13);
    let length = world.units[&STATION].len();
    let entry = world.log.draft(TIME, Body::unit_at(&world.units[&STATION]), &[&world.admin]).unwrap();
    let needed = SyncError::UnitBehind { unit: STATION.hex(), length };
    assert_eq!(world.log.append(&entry, &behind), Err(needed));
    assert_eq!(world.log.units_behind(world.units.values()), [STATION]);
    world.log.append(&entry, &world.units).unwrap();
    assert!(world.log.units_behind(world.units.values()).is_empty());
}

#[test]
fn a_second_admin_acts_once_added_and_two_may_sign_together() {
    let mut world = World::new();
    let second = world::key(3);
    let card = AdminCard::issue(&world.authority, second.public(), 0, "राज्य समन्वयक");
    let member = Body::Member { unit: STATION, post: BEAT, rights: Rights::BOTH };
    let early = world.log.draft(TIME, member.clone(), &[&second]).unwrap();
    assert!(matches!(world.log.append(&early, &world.units), Err(SyncError::BadEntry { .. })));
    world.stream(Body::AdminAdd(card));
    for keys in [&[&second][..], &[&world.admin, &second]] {
        let entry = world.log.draft(TIME, member.clone(), keys).unwrap();
        world.log.append(&entry, &world.units).unwrap();
    }
}
