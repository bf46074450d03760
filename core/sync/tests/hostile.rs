//! No bytes make a decoder panic or take much memory: random bytes, and valid ones that were cut, changed or mixed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use proptest::prelude::*;
use samanvay_sync::bytes::unhex;
use samanvay_sync::id::Hash;
use samanvay_sync::invite::{Enrolment, Invite, Offer};
use samanvay_sync::keys::{AdminCard, Card};
use samanvay_sync::log::{Entry, EpochKeys};
use samanvay_sync::segment::{Known, Segment, WireForm, check, unseal};
use samanvay_sync::wire::{AdminAct, AdminRequest, Append, Asked, Receipt, SyncReply, SyncRequest, decode_list};
use std::sync::OnceLock;
use world::{IN_CHARGE, OPEN, SEALED, STATION, TIME, World, phone};

/// Runs every decoder over the bytes. What they answer does not matter here.
fn decode_all(bytes: &[u8]) {
    let world = shared();
    let _ = Card::decode(bytes);
    let _ = AdminCard::decode(bytes);
    if let Ok(entry) = Entry::decode(bytes) {
        let _ = world.log.clone().append(&entry, &world.units);
    }
    if let Ok(segment) = Segment::decode(bytes) {
        let _ = check(&segment, &world.log);
        let _ = unseal(&segment, &world.log.epoch_keys(&world.in_charge.keys.boxk, &world.in_charge.id));
        let _ = unseal(&segment, &EpochKeys::new());
    }
    if let Ok(form) = WireForm::decode(bytes) {
        let _ = form.complete(SEALED, &Known::default());
    }
    let _ = SyncRequest::decode(bytes).and_then(|read| read.verify(world.beat.card.transport()));
    let asked = Asked { stream: SEALED.handle(), ..Asked::default() };
    let request =
        SyncRequest { streams: vec![asked.clone(), Asked { stream: OPEN.handle(), ..asked }], ..Default::default() };
    let _ = SyncReply::decode(bytes, &request, &[Hash::default()], &world.authority.public());
    let _ = Receipt::decode(bytes);
    let _ = Append::decode(bytes);
    let _ = AdminRequest::decode(bytes);
    let _ = decode_list(bytes);
    let _ = Invite::decode(bytes);
    let _ = Enrolment::decode(bytes);
    let _ = Invite::from_code(&String::from_utf8_lossy(bytes));
}

fn shared() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

/// One valid example of everything.
fn valid() -> &'static [Vec<u8>] {
    static VALID: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    VALID.get_or_init(|| {
        let mut world = World::new();
        let beat = phone(12);
        let segment = world.segment(&beat);
        let offer = Offer {
            unit: STATION,
            post: IN_CHARGE,
            expires: TIME,
            hub_url: "https://hub.betul.example".to_owned(),
            pins: vec![Hash([1; 32])],
            ca: vec![0x30; 40],
            authority: world.authority.public(),
            hub: [4; 32],
        };
        let (invite, seed) = Invite::make(offer, &world.admin_card, &world.admin, &mut world.random).unwrap();
        let wire = segment.to_wire(&Known::default()).unwrap();
        let asked = Asked { stream: SEALED.handle(), pushes: vec![wire.clone()], ..Asked::default() };
        let request = SyncRequest { device: beat.id, streams: vec![asked], ..SyncRequest::default() };
        let mut all: Vec<_> = world.entries.iter().map(|entry| entry.encode().to_vec()).collect();
        all.extend([
            beat.card.encode(),
            world.admin_card.encode(),
            segment.encode(),
            wire,
            invite.encode(),
            invite.code(&seed).as_bytes().to_vec(),
            Enrolment::make(&invite, &seed, &beat.card).unwrap().encode(),
            request.encode::<()>(|_| Ok([0; 64])).unwrap(),
            AdminRequest::sign(AdminAct::PendingEnrolments, &world.admin_card, TIME, &world.admin).encode(),
        ]);
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), versioned in any::<bool>()) {
        if let Some(first) = bytes.first_mut().filter(|_| versioned) {
            *first = 1;
        }
        decode_all(&bytes);
    }

    #[test]
    fn damaged_messages_never_panic(which in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(),
                                    at in any::<prop::sample::Index>(), with in proptest::collection::vec(any::<u8>(), 1..12)) {
        let mut bytes = which.get(valid()).clone();
        let at = at.index(bytes.len());
        for (to, from) in bytes.iter_mut().skip(at).zip(with) {
            *to = from;
        }
        decode_all(&bytes);
        decode_all(&bytes[..cut.index(bytes.len())]);
    }
}

#[test]
fn a_length_or_count_far_past_the_end_is_refused_before_anything_is_allocated() {
    let huge = unhex("ffffffffffffffff7f").unwrap();
    for bytes in valid() {
        for at in 0..bytes.len().min(400) {
            decode_all(&[&bytes[..at], &huge, &bytes[at..]].concat());
        }
    }
}
