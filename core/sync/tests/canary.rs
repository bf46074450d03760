//! A planted name is in no sealed segment; once the counter-proof has stopped sealing, it is in every one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use samanvay_sync::payload::{unpack, unpad};
use samanvay_sync::segment::{Segment, check, open, seal};
use world::{World, note, phone};

const NAME: &str = "CANARY-KUMARI-7f3a";
/// Encapsulated key before, authentication tag behind.
const AROUND: (usize, usize) = (32, 16);

/// Whether the name lies where a sealed box should be, behind compression or not.
fn shows_name(segment: &Segment) -> bool {
    let body = &segment.body[AROUND.0..segment.body.len() - AROUND.1];
    let packed = unpad(body).ok().and_then(|packed| unpack(segment.header.codec, packed).ok());
    let holds = |bytes: &[u8]| bytes.windows(NAME.len()).any(|window| window == NAME.as_bytes());
    holds(&segment.encode()) || packed.is_some_and(|payload| holds(&payload))
}

#[test]
fn a_planted_name_shows_exactly_when_sealing_was_stopped() {
    let mut world = World::new();
    let beat = phone(12);
    let ops: Vec<_> = (0..5).map(|n| note(beat.id, n, NAME)).collect();
    let place = world.place(beat.id);
    let mut look = |shows: bool| {
        for ops in [&ops[..1], &ops] {
            let segment = seal(ops, &place, &world.sealing(), &beat.keys.sign, &mut world.random).unwrap();
            assert_eq!(shows_name(&segment), shows);
            check(&segment, &world.log).unwrap();
            let keys = world.log.epoch_keys(&world.in_charge.keys.boxk, &world.in_charge.id);
            assert_eq!(open(&segment, &keys).unwrap(), ops);
        }
    };
    look(false);
    #[cfg(feature = "canary-unsealed")]
    {
        samanvay_sync::canary::stop_sealing();
        look(true);
    }
}
