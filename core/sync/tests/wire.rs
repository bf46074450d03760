//! Facts about the messages between device, admin and hub.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use samanvay_sync::SyncError;
use samanvay_sync::id::{Hash, Incarnation, LogId, StreamHandle, StreamId};
use samanvay_sync::keys::{AdminCard, SignKey, TransportKey};
use samanvay_sync::segment::{Known, Place, Segment, WireForm, seal};
use samanvay_sync::wire::{
    AdminAct, AdminRequest, Append, Appended, Asked, News, PushReceipt, PushResult, Receipt, Refusal, StreamReceipt,
    StreamStatus, SyncReply, SyncRequest, decode_list, encode_list,
};
use world::{DISTRICT, GENERATION, OPEN, Phone, SEALED, TIME, World, note, phone};

/// Two segments of the beat officer in a row, and the request that pushes them.
fn pushed() -> (World, Phone, [Segment; 2], SyncRequest) {
    let mut world = World::new();
    let beat = phone(12);
    let first = world.segment(&beat);
    let place = Place { first: 1, prev: first.hash(), ..world.place(beat.id) };
    let second =
        seal(&[note(beat.id, 1, "गाँव में बैठक")], &place, &world.sealing(), &beat.keys.sign, &mut world.random).unwrap();
    let known = |prev| Known { author: Some(beat.id), generation: Some(GENERATION), prev: Some(prev) };
    let pushes = vec![first.to_wire(&known(Hash::default())).unwrap(), second.to_wire(&known(first.hash())).unwrap()];
    let request = SyncRequest {
        device: beat.id,
        generation: GENERATION,
        number: 41,
        budget: 16 << 10,
        streams: vec![
            Asked { stream: SEALED.handle(), segments: false, cursor: 0, log: 5, pushes },
            Asked { stream: OPEN.handle(), segments: true, cursor: 7, log: 3, pushes: Vec::new() },
        ],
    };
    (world, beat, [first, second], request)
}

fn encode(request: &SyncRequest, transport: &SignKey) -> Vec<u8> {
    // The key store signs the message as it is; a context of its own would not fit.
    request
        .encode::<SyncError>(|message| {
            let (context, data) = message.split_at(message.iter().position(|byte| *byte == 0).unwrap());
            Ok(transport.sign(std::str::from_utf8(context).unwrap(), &data[1..]))
        })
        .unwrap()
}

fn receipt(request: &SyncRequest, results: [(Hash, PushResult, u64); 2], hub: &SignKey) -> Receipt {
    let push = |(hash, result, position)| PushReceipt { hash, result, position };
    let streams = vec![
        StreamReceipt {
            stream: SEALED.handle(),
            status: StreamStatus::Ok,
            head: 12,
            next: 2,
            pushes: results.into_iter().map(push).collect(),
        },
        StreamReceipt { stream: OPEN.handle(), status: StreamStatus::NotMember, head: 0, next: 0, pushes: Vec::new() },
    ];
    let (device, number) = (request.device, request.number);
    let (incarnation, hub_time) = (Incarnation([4; 8]), 1_795_000_000_123);
    Receipt { device, number, incarnation, hub_time, streams, signature: [0; 64] }.sign(hub)
}

#[test]
fn a_request_is_read_with_the_key_that_signed_it_and_no_other() {
    let (_, beat, _, request) = pushed();
    let bytes = encode(&request, &beat.transport);
    let read = SyncRequest::decode(&bytes).unwrap();
    assert_eq!(read.device(), beat.id);
    assert_eq!(read.verify(beat.card.transport()).unwrap(), request);
    let other = TransportKey { public: world::key(9).public() };
    assert_eq!(SyncRequest::decode(&bytes).unwrap().verify(&other), Err(SyncError::BadSignature));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let read = SyncRequest::decode(&changed).and_then(|read| read.verify(beat.card.transport()));
        assert!(read.is_err(), "byte {at} may be changed");
    }
    for cut in 0..bytes.len() {
        assert!(matches!(SyncRequest::decode(&bytes[..cut]), Err(SyncError::Malformed(_))));
    }
    let refused: Result<_, &str> = request.encode(|_| Err("the key store is locked"));
    assert_eq!(refused, Err("the key store is locked"));
}

#[test]
fn a_request_names_no_two_streams_of_one_handle() {
    let (_, beat, _, mut request) = pushed();
    let alike = StreamId([[0x71; 8], [0x99; 8]].concat().try_into().unwrap());
    assert_eq!(alike.handle(), SEALED.handle());
    request.streams[1].stream = alike.handle();
    let read = SyncRequest::decode(&encode(&request, &beat.transport)).map(drop);
    assert!(matches!(read, Err(SyncError::Malformed(_))));
}

#[test]
fn the_hub_rebuilds_pushed_segments_from_the_request_and_its_chain() {
    let (world, beat, segments, request) = pushed();
    let bytes = encode(&request, &beat.transport);
    let request = SyncRequest::decode(&bytes).unwrap().verify(beat.card.transport()).unwrap();
    let mut head = Hash::default();
    for (wire, sent) in request.streams[0].pushes.iter().zip(&segments) {
        let known = Known { author: Some(request.device), generation: Some(request.generation), prev: Some(head) };
        let segment = WireForm::decode(wire).unwrap().complete(SEALED, &known).unwrap();
        samanvay_sync::segment::check(&segment, &world.log).unwrap();
        assert_eq!(&segment, sent);
        head = segment.hash();
    }
}

#[test]
fn a_reply_s_receipt_covers_the_segments_that_were_sent() {
    let (_, _, segments, request) = pushed();
    let hub = world::key(20);
    let hashes = [segments[0].hash(), segments[1].hash()];
    let [one, two] = hashes;
    let signed = receipt(&request, [(one, PushResult::Held, 11), (two, PushResult::Accepted, 12)], &hub);
    let news = News { stream: SEALED, entries: vec![vec![1; 200]], segments: vec![(12, vec![2; 300])] };
    let reply = SyncReply { receipt: signed, news: vec![news], more: true };
    let bytes = reply.encode();
    let read = SyncReply::decode(&bytes, &request, &hashes, &hub.public()).unwrap();
    assert_eq!(read, reply);
    let kept = Receipt::decode(&read.receipt.encode()).unwrap();
    assert_eq!(kept, reply.receipt);
    kept.verify(&hub.public()).unwrap();
    assert_eq!(kept.verify(&world::key(21).public()), Err(SyncError::BadSignature));

    let swapped = [two, one];
    assert_eq!(SyncReply::decode(&bytes, &request, &swapped, &hub.public()), Err(SyncError::BadSignature));
    let mut another = request.clone();
    another.number += 1;
    assert_eq!(SyncReply::decode(&bytes, &another, &hashes, &hub.public()), Err(SyncError::BadSignature));
    another = request.clone();
    another.streams[1].stream = StreamHandle([0x73; 8]);
    assert_eq!(SyncReply::decode(&bytes, &another, &hashes, &hub.public()), Err(SyncError::BadSignature));
    another = request.clone();
    another.streams[0].pushes.pop();
    assert!(SyncReply::decode(&bytes, &another, &hashes, &hub.public()).is_err());
    let few = &hashes[..1];
    assert!(matches!(SyncReply::decode(&bytes, &request, few, &hub.public()), Err(SyncError::Malformed(_))));
    for cut in 0..bytes.len() {
        assert!(SyncReply::decode(&bytes[..cut], &request, &hashes, &hub.public()).is_err());
    }
}

#[test]
fn a_reply_answers_every_push_whatever_the_stream_s_status() {
    let (_, _, segments, request) = pushed();
    let hub = world::key(20);
    let hashes = [segments[0].hash(), segments[1].hash()];
    let refused = hashes.map(|hash| (hash, PushResult::NotWriter, 0));
    for status in [StreamStatus::Unknown, StreamStatus::NotMember] {
        let mut signed = receipt(&request, refused, &hub);
        signed.streams[0].status = status;
        let reply = SyncReply { receipt: signed.clone().sign(&hub), news: Vec::new(), more: false };
        assert_eq!(SyncReply::decode(&reply.encode(), &request, &hashes, &hub.public()).unwrap(), reply);
        signed.streams[0].pushes.clear();
        let silent = SyncReply { receipt: signed.sign(&hub), news: Vec::new(), more: false };
        let read = SyncReply::decode(&silent.encode(), &request, &hashes, &hub.public());
        assert!(read.is_err());
    }
}

#[test]
fn a_receipt_vouches_for_nothing_that_the_hub_does_not_hold() {
    let (_, _, segments, request) = pushed();
    let hub = world::key(20);
    let hashes = [segments[0].hash(), segments[1].hash()];
    let signed = receipt(&request, [(hashes[0], PushResult::Gap, 5), (Hash([9; 32]), PushResult::Fork, 6)], &hub);
    for push in &signed.streams[0].pushes {
        assert_eq!((push.hash, push.position), (Hash::default(), 0));
    }
    let reply = SyncReply { receipt: signed, news: Vec::new(), more: false };
    let read = SyncReply::decode(&reply.encode(), &request, &hashes, &hub.public()).unwrap();
    assert_eq!(read, reply);
    let mut vouching = reply.receipt.clone();
    vouching.streams[0].pushes[0].hash = hashes[0];
    assert!(matches!(Receipt::decode(&vouching.encode()), Err(SyncError::Malformed(_))));
}

#[test]
fn every_result_and_refusal_comes_back_as_itself() {
    for code in 0..=11 {
        assert_eq!(PushResult::from_code(code).unwrap().code(), code);
    }
    assert_eq!(PushResult::from_code(12), Err(SyncError::Newer));
    let held: Vec<_> = (0..=11).filter(|code| PushResult::from_code(*code).unwrap().is_held()).collect();
    assert_eq!(held, [0, 1]);
    for (refusal, status, json) in [
        (Refusal::Malformed, 400, r#"{"code":"malformed","detail":0}"#),
        (Refusal::UnknownDevice, 403, r#"{"code":"unknown_device","detail":0}"#),
        (Refusal::BadSignature, 403, r#"{"code":"bad_signature","detail":0}"#),
        (Refusal::Removed, 403, r#"{"code":"removed","detail":0}"#),
        (Refusal::StaleNumber { last: 9 }, 409, r#"{"code":"stale_number","detail":9}"#),
        (Refusal::LogMoved { length: 4 }, 409, r#"{"code":"log_moved","detail":4}"#),
        (Refusal::InviteUsed, 409, r#"{"code":"invite_used","detail":0}"#),
        (Refusal::BadInvite, 403, r#"{"code":"bad_invite","detail":0}"#),
        (Refusal::BadEntry { index: 7 }, 422, r#"{"code":"bad_entry","detail":7}"#),
        (Refusal::TooLarge, 413, r#"{"code":"too_large","detail":0}"#),
        (Refusal::Busy, 503, r#"{"code":"busy","detail":0}"#),
    ] {
        assert_eq!((refusal.status(), refusal.to_json().as_str()), (status, json));
        assert_eq!(Refusal::from_json(json.as_bytes()), Some(refusal));
    }
    for body in ["", "{}", "[]", r#"{"code":"something else"}"#, r#"{"code":1}"#] {
        assert_eq!(Refusal::from_json(body.as_bytes()), None);
    }
}

#[test]
fn an_append_and_its_answer_come_back_as_they_are() {
    let world = World::new();
    let entries: Vec<_> = world.entries.iter().map(|entry| entry.encode().to_vec()).collect();
    let append = Append { log: LogId([0x71; 16]), length: 3, entries: entries.clone() };
    let bytes = append.encode();
    assert_eq!(Append::decode(&bytes).unwrap(), append);
    for cut in 0..bytes.len() {
        assert!(matches!(Append::decode(&bytes[..cut]), Err(SyncError::Malformed(_))));
    }
    let answer = Appended { length: 9 };
    assert_eq!(answer.to_json(), r#"{"length":9}"#);
    assert_eq!(Appended::from_json(br#"{"length":9}"#), Some(answer));
    assert_eq!(Appended::from_json(br#"{"length":-9}"#), None);
    assert_eq!(decode_list(&encode_list(&entries)).unwrap(), entries);
}

#[test]
fn an_admin_s_question_is_signed_by_the_admin_of_its_card() {
    let world = World::new();
    for act in [AdminAct::ReadLog { log: LogId([0x71; 16]), from: 2 }, AdminAct::PendingEnrolments] {
        let request = AdminRequest::sign(act, &world.admin_card, TIME, &world.admin);
        let bytes = request.encode();
        let read = AdminRequest::decode(&bytes).unwrap();
        assert_eq!(read, request);
        read.verify(&world.authority.public()).unwrap();
        assert_eq!(read.verify(&world::key(9).public()), Err(SyncError::BadSignature));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let read = AdminRequest::decode(&changed);
            let believed = read.is_ok_and(|read| read.verify(&world.authority.public()).is_ok());
            assert!(!believed, "byte {at} may be changed");
        }
    }
    let impostor = AdminRequest::sign(AdminAct::PendingEnrolments, &world.admin_card, TIME, &world::key(9));
    assert_eq!(AdminRequest::decode(&impostor.encode()), Err(SyncError::BadSignature));
    let uncertified = AdminCard::issue(&world::key(9), world::key(9).public(), DISTRICT, "स्वयंभू");
    let asked = AdminRequest::sign(AdminAct::PendingEnrolments, &uncertified, TIME, &world::key(9));
    let read = AdminRequest::decode(&asked.encode()).unwrap();
    assert_eq!(read.verify(&world.authority.public()), Err(SyncError::BadSignature));
}
