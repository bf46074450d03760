//! What every engine must do, as one test that takes any engine.
//!
//! Knows the promises of [`Store`] and nothing of an engine. Start at [`check`].

use samanvay_sync::id::{DeviceId, Generation, Hash, LogId, PostId, StreamId, UnitId};
use samanvay_sync::keys::sha256;

use super::{
    Appended, Chain, ChainKey, Enrolled, Enrolment, NewSegment, Placed, Pulled, Push, Pushed, QUARANTINE_BYTES_MAX,
    QUARANTINE_MAX, Store, StoreError,
};

const BETUL: StreamId = StreamId([1; 16]);
const BHOPAL: StreamId = StreamId([2; 16]);
const DEVICE: DeviceId = DeviceId([7; 16]);

/// Runs the suite. `open` opens the same store again each time; the first time it is empty.
///
/// # Errors
/// [`StoreError`] if the engine fails.
///
/// # Panics
/// If the engine breaks a promise.
pub fn check<S: Store>(open: impl Fn() -> Result<S, StoreError>) -> Result<(), StoreError> {
    let store = open()?;
    chains(&store)?;
    numbers(&store)?;
    pulls(&store)?;
    logs(&store)?;
    enrolments(&store)?;
    failed_push_leaves_nothing(&store)?;
    quarantine(&store)?;
    let old = store.incarnation()?;
    assert_ne!(store.renew()?, old, "a new life has another name");
    let before = (store.incarnation()?, store.pull(BETUL, 0, usize::MAX)?, store.log(LogId([4; 16]), 0)?);
    drop(store);
    let store = open()?;
    let after = (store.incarnation()?, store.pull(BETUL, 0, usize::MAX)?, store.log(LogId([4; 16]), 0)?);
    assert!(before == after, "a store opened again holds what it held");
    Ok(())
}

fn key(stream: StreamId) -> ChainKey {
    ChainKey { stream, device: DEVICE, generation: Generation([9; 8]) }
}

fn segment(stream: StreamId, first: u64, count: u64, prev: Hash, fill: u8) -> NewSegment {
    let body = vec![fill; 100];
    NewSegment { chain: key(stream), first, count, prev, hash: sha256(&[&body]), body, review: false }
}

fn push(store: &impl Store, number: u64, segments: Vec<NewSegment>) -> Result<Pushed, StoreError> {
    store.push(Push { device: DEVICE, number, received: 1_795_600_000_000, segments })
}

fn chains(store: &impl Store) -> Result<(), StoreError> {
    assert_eq!(store.chain(key(BETUL))?, Chain::default(), "an unknown chain is empty");
    let one = segment(BETUL, 0, 3, Hash::default(), 1);
    let two = segment(BETUL, 3, 1, one.hash, 2);
    let other = segment(BHOPAL, 0, 1, Hash::default(), 3);
    let placed = push(store, 1, vec![one.clone(), two.clone(), other])?;
    let expected = vec![Placed::Accepted(1), Placed::Accepted(2), Placed::Accepted(1)];
    assert_eq!(placed, Pushed::Stored(expected), "positions count from 1 in each stream");
    assert_eq!(store.chain(key(BETUL))?, Chain { next: 4, head: two.hash });
    assert_eq!(store.before(key(BETUL), 3)?, Some(one.hash));
    assert_eq!(store.before(key(BETUL), 2)?, None, "no segment ends inside another");
    assert_eq!(store.before(key(BETUL), 0)?, None);

    let late = segment(BETUL, 5, 1, two.hash, 4);
    let elsewhere = segment(BETUL, 4, 1, one.hash, 5);
    let overlap = segment(BETUL, 2, 2, one.hash, 6);
    let other_bytes = segment(BETUL, 3, 1, one.hash, 7);
    let placed = push(store, 2, vec![late, elsewhere, overlap, other_bytes, two, one])?;
    let expected = vec![Placed::Gap, Placed::Gap, Placed::Fork, Placed::Fork, Placed::Held(2), Placed::Held(1)];
    assert_eq!(placed, Pushed::Stored(expected), "only what follows its chain is taken");
    assert_eq!(store.pull(BETUL, 0, usize::MAX)?.segments.len(), 2, "forks and gaps are not given out");
    Ok(())
}

fn numbers(store: &impl Store) -> Result<(), StoreError> {
    let chain = store.chain(key(BHOPAL))?;
    let next = segment(BHOPAL, chain.next, 1, chain.head, 8);
    assert_eq!(push(store, 2, vec![next.clone()])?, Pushed::Stale { last: 2 }, "a number is good once");
    assert_eq!(store.chain(key(BHOPAL))?, chain, "a stale request writes nothing");
    assert_eq!(push(store, 9, vec![next])?, Pushed::Stored(vec![Placed::Accepted(2)]), "numbers may leap");
    assert_eq!(push(store, 3, Vec::new())?, Pushed::Stale { last: 9 });
    Ok(())
}

fn pulls(store: &impl Store) -> Result<(), StoreError> {
    let positions = |pulled: &Pulled| pulled.segments.iter().map(|(position, _)| *position).collect::<Vec<_>>();
    assert_eq!(store.pull(StreamId([3; 16]), 0, 1000)?, Pulled::default(), "an unknown stream is empty");
    assert_eq!(store.pull(BETUL, 0, 0)?, Pulled { head: 2, segments: Vec::new() }, "budget 0 asks for the head");
    assert_eq!(positions(&store.pull(BETUL, 0, 1)?), [1], "a segment is given whole");
    assert_eq!(positions(&store.pull(BETUL, 0, 101)?), [1, 2]);
    assert_eq!(positions(&store.pull(BETUL, 1, 1000)?), [2]);
    assert_eq!(positions(&store.pull(BETUL, 2, 1000)?), [0; 0]);
    Ok(())
}

fn logs(store: &impl Store) -> Result<(), StoreError> {
    let log = LogId([4; 16]);
    assert_eq!(store.append(log, 1, &[b"a".to_vec()])?, Appended::Moved(0));
    assert_eq!(store.append(log, 0, &[b"a".to_vec(), b"b".to_vec()])?, Appended::Length(2));
    assert_eq!(store.append(log, 0, &[b"c".to_vec()])?, Appended::Moved(2), "who lost the race is told");
    assert_eq!(store.append(log, 2, &[b"c".to_vec()])?, Appended::Length(3));
    assert_eq!(store.log(log, 1)?, [b"b".to_vec(), b"c".to_vec()]);
    assert_eq!(store.logs()?, [log]);
    Ok(())
}

fn enrolments(store: &impl Store) -> Result<(), StoreError> {
    let one = |invite: u8, card: u8, district| Enrolment {
        invite: [invite; 16],
        unit: UnitId([5; 16]),
        post: PostId([6; 16]),
        district,
        card: Hash([card; 32]),
        message: vec![card; 50],
    };
    assert_eq!(store.enrol(one(1, 1, 394))?, Enrolled::New);
    assert_eq!(store.enrol(one(1, 1, 394))?, Enrolled::Again);
    assert_eq!(store.enrol(one(1, 2, 394))?, Enrolled::Used, "an invite is good for one card");
    assert_eq!(store.enrol(one(2, 2, 396))?, Enrolled::New);
    assert_eq!(store.enrolments(Some(394))?, [one(1, 1, 394)]);
    assert_eq!(store.enrolments(None)?, [one(2, 2, 396), one(1, 1, 394)], "newest first");
    store.settle(UnitId([5; 16]), PostId([7; 16]), Hash([1; 32]))?;
    assert_eq!(store.enrolments(Some(394))?, [one(1, 1, 394)], "bound to another post is not done");
    store.settle(UnitId([5; 16]), PostId([6; 16]), Hash([1; 32]))?;
    assert_eq!(store.enrolments(None)?, [one(2, 2, 396)], "what is done is not listed");
    assert_eq!(store.enrol(one(1, 1, 394))?, Enrolled::Again, "and not forgotten");
    Ok(())
}

fn quarantine(store: &impl Store) -> Result<(), StoreError> {
    let before = store.pull(BETUL, 0, usize::MAX)?;
    let chain = store.chain(key(BETUL))?;
    let body = |nth: u64| [nth.to_be_bytes().as_slice(), &[0; 100]].concat();
    let of = |first, body: Vec<u8>| NewSegment {
        chain: key(BETUL),
        first,
        count: 1,
        prev: chain.head,
        hash: sha256(&[&body]),
        body,
        review: true,
    };
    let many: Vec<NewSegment> = (0..QUARANTINE_MAX).map(|nth| of(chain.next, body(nth))).collect();
    let all = |placed| Pushed::Stored(vec![placed; many.len()]);
    assert_eq!(push(store, 20, many.clone())?, all(Placed::Quarantined));
    assert_eq!(push(store, 21, many.clone())?, all(Placed::Quarantined), "the same again takes no more room");
    let placed = push(store, 22, vec![of(chain.next, body(QUARANTINE_MAX))])?;
    assert_eq!(placed, Pushed::Stored(vec![Placed::Full]), "one device cannot fill the disk");
    let other = DeviceId([8; 16]);
    let large: Vec<NewSegment> = (0..=QUARANTINE_BYTES_MAX >> 20)
        .map(|nth| {
            let large = of(0, [nth.to_be_bytes().as_slice(), &vec![0; 1 << 20]].concat());
            NewSegment { chain: ChainKey { device: other, ..key(BETUL) }, prev: Hash::default(), ..large }
        })
        .collect();
    let Pushed::Stored(placed) = store.push(Push { device: other, number: 1, received: 1, segments: large })? else {
        panic!("a first number is never stale");
    };
    assert!(placed.contains(&Placed::Quarantined) && placed.last() == Some(&Placed::Full), "nor with large segments");
    assert_eq!(store.pull(BETUL, 0, usize::MAX)?, before, "what is kept for review is not in the stream");
    let held = NewSegment { review: true, ..segment(BETUL, 0, 3, Hash::default(), 1) };
    let placed = push(store, 23, vec![held])?;
    assert_eq!(placed, Pushed::Stored(vec![Placed::Held(1)]), "what the stream holds needs no review");
    Ok(())
}

fn failed_push_leaves_nothing(store: &impl Store) -> Result<(), StoreError> {
    let chain = store.chain(key(BETUL))?;
    let good = segment(BETUL, chain.next, 1, chain.head, 20);
    let too_large = segment(BHOPAL, u64::MAX, 1, Hash::default(), 21);
    assert!(push(store, 10, vec![good.clone(), too_large]).is_err());
    assert_eq!(store.chain(key(BETUL))?, chain, "a failed push stores none of its segments");
    let placed = push(store, 10, vec![good])?;
    assert_eq!(placed, Pushed::Stored(vec![Placed::Accepted(3)]), "a failed push uses up no number");
    Ok(())
}
