//! Facts about the crate as a whole: what one device writes is what another reads, and what many write merges alike.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod samples;
mod world;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use samanvay_sync::id::{DeviceId, Hash, OpId};
use samanvay_sync::log::{Body, EpochKeys, Rights, StreamLog};
use samanvay_sync::merge::{RecordState, Sighting, merge};
use samanvay_sync::op::Op;
use samanvay_sync::schema::project;
use samanvay_sync::schema::{ClassMask, Clearance, FieldKind, Schema};
use samanvay_sync::segment::{Known, Place, Sealing, Segment, WireForm, check, open, seal};
use samples::{Dice, RECORD, any_op, field};
use std::sync::OnceLock;
use world::{BEAT, GENERATION, OPEN, Phone, SEALED, STATION, Seeded, World, phone};

/// Three phones that read and write: the in-charge's and two of the beat post.
const PHONES: [u8; 3] = [11, 12, 13];

fn district() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut world = World::new();
        world.bind(BEAT, 13);
        world.count_unit();
        world.stream(Body::Member { unit: STATION, post: BEAT, rights: Rights::BOTH });
        world.epoch();
        world
    })
}

/// Fields 1 to 6, one of each mask; 7 and above are unknown.
fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let masks = [ClassMask::A, ClassMask::B, ClassMask::C, ClassMask::V, ClassMask::M, ClassMask::UNSET];
        let fields = (1..).zip(masks).map(|(id, mask)| field(id, &format!("x{id}"), FieldKind::Text, mask)).collect();
        Schema::new("f", "1", fields).unwrap()
    })
}

/// A stream with what seals into it and what opens it.
fn stream(open: bool, reader: &Phone) -> (&'static StreamLog, Sealing, EpochKeys) {
    let log = if open { &district().open } else { &district().log };
    (log, Sealing::now(log).unwrap(), log.epoch_keys(&reader.keys.boxk, &reader.id))
}

fn place(log: &StreamLog, author: DeviceId, first: u64) -> Place {
    let prev = if first == 0 { Hash::default() } else { Hash([0xab; 32]) };
    Place { stream: log.id(), author, generation: GENERATION, first, prev, position: log.len() }
}

fn written_by(device: DeviceId, ops: Vec<Op>) -> Vec<Op> {
    ops.into_iter().map(|op| Op { id: OpId { device, ..op.id }, ..op }).collect()
}

fn projected(ops: &[Op], clearance: Clearance, home: bool) -> Vec<Op> {
    ops.iter().filter_map(|op| project(op, schema(), clearance, home)).collect()
}

/// Seals ops in segments of up to `cut` each, one after the other in one chain.
fn sealed(ops: &[Op], author: &Phone, cut: usize, open: bool, random: &mut Seeded) -> Vec<Segment> {
    let (log, sealing, _) = stream(open, author);
    let mut place = place(log, author.id, 0);
    let mut segments = Vec::new();
    for ops in ops.chunks(cut) {
        let segment = seal(ops, &place, &sealing, &author.keys.sign, random).unwrap();
        place = Place { first: segment.header.next(), prev: segment.hash(), ..place };
        segments.push(segment);
    }
    segments
}

/// A copy of an op in the sealed stream, which may be a home, or in the open one.
fn sight(op: &Op, home: bool) -> Sighting<'_> {
    Sighting { op, stream: if home { SEALED } else { OPEN }, form: "f", may_be_home: home, hidden: &[] }
}

/// What a phone that received these segments, in an order of its own and some of them twice, knows of the record.
fn received(segments: &[Segment], reader: &Phone, dice: &mut Dice) -> RecordState {
    let mut order: Vec<&Segment> = segments.iter().chain(segments.iter().filter(|_| dice.roll(3) == 0)).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, usize::try_from(dice.roll(at as u64 + 1)).unwrap());
    }
    let mut ops = Vec::new();
    for segment in order {
        let home = segment.header.stream == SEALED;
        let (log, _, keys) = stream(!home, reader);
        check(segment, log).unwrap();
        ops.extend(open(segment, &keys).unwrap().into_iter().map(|op| (op, home)));
    }
    merge(RECORD, ops.iter().map(|(op, home)| sight(op, *home)))
}

fn some_ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(any_op(), 1..7)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, rng_seed: RngSeed::Fixed(20_261_125), ..ProptestConfig::default() })]

    #[test]
    fn ops_come_back_through_projection_seal_and_wire(
        ops in some_ops(), bits in 0u8..32, home: bool, in_open: bool, first in 0u64..3, known: [bool; 3], seed: u64,
    ) {
        let (author, reader) = (phone(12), phone(11));
        let clearance = if in_open { Clearance::OPEN } else { Clearance::from_bits(bits).unwrap() };
        let ops = projected(&written_by(author.id, ops), clearance, home);
        prop_assume!(!ops.is_empty());
        let (log, sealing, keys) = stream(in_open, &reader);
        let place = place(log, author.id, first);
        let segment = seal(&ops, &place, &sealing, &author.keys.sign, &mut Seeded(seed, 0)).unwrap();
        let known = Known {
            author: known[0].then_some(author.id),
            generation: known[1].then_some(GENERATION),
            prev: known[2].then_some(place.prev),
        };
        let whole = WireForm::decode(&segment.to_wire(&known).unwrap()).unwrap().complete(log.id(), &known).unwrap();
        prop_assert_eq!(whole.encode(), segment.encode());
        prop_assert_eq!(&Segment::decode(&segment.encode()).unwrap(), &whole);
        prop_assert_eq!(check(&whole, log).unwrap(), &author.card);
        prop_assert_eq!(open(&whole, &keys).unwrap(), ops);
    }

    #[test]
    fn three_phones_know_the_same_whatever_order_segments_come_in(
        ops in [some_ops(), some_ops(), some_ops()], cut in 1usize..4, seed: u64,
    ) {
        let phones = PHONES.map(phone);
        let mut random = Seeded(seed, 0);
        let mut segments = Vec::new();
        let mut sightings = Vec::new();
        for (author, ops) in phones.iter().zip(ops) {
            let whole = written_by(author.id, ops);
            segments.extend(sealed(&whole, author, cut, false, &mut random));
            // One of them may write open facts, too: a projection of the same ops.
            if author.id == phone(12).id {
                let part = projected(&whole, Clearance::OPEN, false);
                segments.extend(sealed(&part, author, cut, true, &mut random));
                sightings.extend(part.into_iter().map(|op| (op, false)));
            }
            sightings.extend(whole.into_iter().map(|op| (op, true)));
        }
        prop_assert!(segments.iter().any(|segment| segment.header.stream == SEALED));
        let mut dice = Dice::new(seed);
        let states = phones.each_ref().map(|phone| received(&segments, phone, &mut dice));
        let told = merge(RECORD, sightings.iter().map(|(op, home)| sight(op, *home)));
        for state in &states {
            prop_assert_eq!(state, &told);
        }
    }
}

#[test]
fn the_phones_of_these_tests_read_and_write_where_they_should() {
    let world = district();
    for seed in PHONES {
        assert_eq!(world.log.rights(&phone(seed).id, world.log.len()), Rights::BOTH);
    }
    assert_eq!((world.log.id(), world.open.id()), (SEALED, OPEN));
}
