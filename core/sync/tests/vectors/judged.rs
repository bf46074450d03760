//! Vectors of segments that the logs of `logs.json` must believe, wait for, or refuse.

use samanvay_sync::bytes::hex;
use samanvay_sync::id::StreamId;
use samanvay_sync::segment::{Header, Place, Sealing, Segment, check, seal};
use samanvay_sync::{Result, SyncError};
use serde_json::{Value, json};

use crate::logs::{lived, replay};
use crate::show;
use crate::world::{OPEN, Phone, SEALED, Seeded, World, note, phone, signed_again};

/// What became of a segment, in the words of the vectors.
fn verdict(judged: &Result<()>) -> &'static str {
    match judged {
        Ok(()) => "believed",
        Err(SyncError::LogBehind { .. }) => "wait",
        Err(SyncError::Newer) => "update",
        Err(SyncError::NotEntitled { .. }) => "not_entitled",
        Err(SyncError::WrongEpoch { .. }) => "wrong_epoch",
        Err(SyncError::BadSignature) => "bad_signature",
        Err(SyncError::Malformed(_)) => "malformed",
        Err(other) => panic!("no word for {other}"),
    }
}

struct Author<'a>(&'a mut World);

impl Author<'_> {
    /// One op of a phone; `epoch` 0 leaves it unsealed.
    fn segment(&mut self, phone: &Phone, stream: StreamId, position: u64, epoch: u64) -> Segment {
        let sealing = match usize::try_from(epoch).unwrap().checked_sub(1) {
            Some(index) => Sealing::Epoch(epoch, self.0.epochs[index].public()),
            None => Sealing::Open,
        };
        let place = Place { stream, position, ..self.0.place(phone.id) };
        let ops = [note(phone.id, 7, "ग्राम सभा में बैठक")];
        seal(&ops, &place, &sealing, &phone.keys.sign, &mut self.0.random).unwrap()
    }
}

pub(crate) fn judged() -> Value {
    let mut world = lived();
    world.random = Seeded(106, 0);
    let (removed, beat, worker, writer, nobody) = (phone(11), phone(12), phone(13), phone(14), phone(15));
    let (now, open_now) = (world.log.len(), world.open.len());
    let last_of = |phone: &Phone| (0..=now).rev().find(|p| world.log.rights(&phone.id, *p).writes()).unwrap();
    let (was, early, no_epoch) = (last_of(&removed), 5, 4);
    let epochs = [was, early, now, no_epoch].map(|position| world.log.epoch_at(position));
    assert_eq!(epochs, [2, 1, 3, 0]);
    assert!(world.log.rights(&beat.id, no_epoch).writes());
    let mut by = Author(&mut world);
    let good = by.segment(&beat, SEALED, early, 1);
    let last = by.segment(&removed, SEALED, was, 2);
    let too_new = by.segment(&beat, SEALED, early, 2);
    let header = |change: fn(&mut Header)| signed_again(&good, &beat, |segment| change(&mut segment.header));
    let cases = [
        ("a writer at an old position, in the epoch of that position", "believed", &beat, good.clone()),
        ("a device at the last position before its removal", "believed", &removed, last),
        ("the same device later", "not_entitled", &removed, by.segment(&removed, SEALED, now, 3)),
        ("a reader who does not write", "not_entitled", &worker, by.segment(&worker, SEALED, now, 3)),
        ("a device whose post lost its right to write", "not_entitled", &beat, by.segment(&beat, SEALED, now, 3)),
        ("a device that no log binds", "not_entitled", &nobody, by.segment(&nobody, SEALED, now, 3)),
        ("a writer of another stream only", "not_entitled", &writer, by.segment(&writer, OPEN, open_now, 0)),
        ("an epoch that is no longer the newest", "wrong_epoch", &writer, by.segment(&writer, SEALED, now, 2)),
        ("an epoch that is not there yet at that position", "wrong_epoch", &beat, too_new),
        ("a position that the log has not reached", "wait", &writer, by.segment(&writer, SEALED, now + 1, 3)),
        ("signed by another key", "bad_signature", &beat, signed_again(&good, &nobody, |_| ())),
        ("sealed in an open stream", "malformed", &beat, by.segment(&beat, OPEN, open_now, 1)),
        ("not sealed in a sealed stream", "malformed", &beat, by.segment(&beat, SEALED, early, 0)),
        ("not sealed before a stream's first epoch", "malformed", &beat, by.segment(&beat, SEALED, no_epoch, 0)),
        ("suite 0 with an epoch", "malformed", &beat, header(|header| header.suite = 0)),
        (
            "suite 1 without an epoch, before the first",
            "malformed",
            &beat,
            header(|header| {
                (header.epoch, header.position) = (0, 4);
            }),
        ),
        ("a suite of a later version", "update", &beat, header(|header| header.suite = 2)),
    ];
    let shown = cases.iter().map(|(why, verdict, author, segment)| {
        json!({"why": why, "verdict": verdict, "signer": hex(author.card.sign()), "segment": hex(&segment.encode())})
    });
    json!({"cases": shown.collect::<Vec<_>>()})
}

/// Judges the stored segments by the stored logs.
pub(crate) fn read(stored: &Value, logs: &Value) {
    let (_, streams) = replay(logs);
    for case in stored["cases"].as_array().unwrap() {
        let segment = Segment::decode(&show::bytes(&case["segment"]));
        let judged = segment.and_then(|segment| check(&segment, &streams[&segment.header.stream]).map(|_| ()));
        assert_eq!(verdict(&judged), case["verdict"].as_str().unwrap(), "{}", case["why"]);
    }
}
