//! Facts about invites and enrolments.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use samanvay_sync::SyncError;
use samanvay_sync::id::Hash;
use samanvay_sync::invite::{Enrolment, Invite, InviteSeed, Offer};
use world::{IN_CHARGE, STATION, World, phone};

fn offer(world: &World) -> Offer {
    Offer {
        unit: STATION,
        post: IN_CHARGE,
        expires: 1_795_000_900,
        hub_url: "https://hub.betul.example".to_owned(),
        pins: vec![Hash([1; 32]), Hash([2; 32])],
        ca: vec![0x30; 420],
        authority: world.authority.public(),
        hub: world::key(20).public(),
    }
}

fn invited() -> (World, Invite, InviteSeed) {
    let mut world = World::new();
    let (invite, seed) = Invite::make(offer(&world), &world.admin_card, &world.admin, &mut world.random).unwrap();
    (world, invite, seed)
}

#[test]
fn a_code_carries_the_invite_and_its_seed() {
    let (world, invite, seed) = invited();
    let code = invite.code(&seed);
    let (read, read_seed) = Invite::from_code(&format!(" {}\n", *code)).unwrap();
    assert_eq!(read, invite);
    assert_eq!(read.offer(), &offer(&world));
    assert_eq!(*read.code(&read_seed), *code);
    assert!(code.len() < 1500, "{} characters do not fit into a QR code that a cheap camera reads", code.len());
    assert_eq!(format!("{seed:?}"), "InviteSeed(…)");
}

#[test]
fn a_damaged_or_cut_code_is_refused() {
    let (_, invite, seed) = invited();
    let code = invite.code(&seed);
    for cut in 0..code.len() {
        assert!(Invite::from_code(code.get(..cut).unwrap()).is_err());
    }
    for at in 0..code.len() {
        let mut changed = code.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(Invite::from_code(std::str::from_utf8(&changed).unwrap()).is_err(), "character {at}");
    }
    for junk in ["", "नमस्ते", "https://hub.betul.example", "AAAA"] {
        assert!(Invite::from_code(junk).is_err());
    }
}

#[test]
fn an_invite_holds_only_under_its_authority() {
    let (mut world, invite, _) = invited();
    invite.verify(&world.authority.public()).unwrap();
    assert_eq!(invite.verify(&world::key(9).public()), Err(SyncError::BadSignature));
    let own = samanvay_sync::keys::AdminCard::issue(&world::key(9), world::key(9).public(), 0, "स्वयंभू");
    let (forged, seed) = Invite::make(offer(&world), &own, &world::key(9), &mut world.random).unwrap();
    assert_eq!(forged.verify(&world.authority.public()), Err(SyncError::BadSignature));
    assert_eq!(Invite::from_code(&forged.code(&seed)).unwrap_err(), SyncError::BadSignature);
    let not_the_admin = Invite::make(offer(&world), &world.admin_card, &world::key(9), &mut world.random);
    assert!(matches!(not_the_admin, Err(SyncError::Malformed(_))));
}

#[test]
fn an_enrolment_answers_with_the_invite_s_key() {
    let (mut world, invite, seed) = invited();
    let card = phone(13).card;
    let enrolment = Enrolment::make(&invite, &seed, &card).unwrap();
    let bytes = enrolment.encode();
    let read = Enrolment::decode(&bytes).unwrap();
    assert_eq!((read.card(), read.invite().id()), (&card, invite.id()));
    read.verify(&world.authority.public()).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let believed = Enrolment::decode(&changed).is_ok_and(|read| read.verify(&world.authority.public()).is_ok());
        assert!(!believed, "byte {at} may be changed");
    }
    for cut in 0..bytes.len() {
        assert!(matches!(Enrolment::decode(&bytes[..cut]), Err(SyncError::Malformed(_))));
    }
    let (_, other_seed) = Invite::make(offer(&world), &world.admin_card, &world.admin, &mut world.random).unwrap();
    assert!(matches!(Enrolment::make(&invite, &other_seed, &card), Err(SyncError::Malformed(_))));
}
