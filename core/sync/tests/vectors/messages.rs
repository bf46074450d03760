//! Vectors of messages: sync request, reply and receipt; append and admin requests; invite and enrolment.

use samanvay_sync::bytes::hex;
use samanvay_sync::id::{Hash, Incarnation};
use samanvay_sync::invite::{Enrolment, Invite, Offer};
use samanvay_sync::keys::SignKey;
use samanvay_sync::segment::{Known, Place, Sealing, Segment, seal};
use samanvay_sync::wire::{
    AdminAct, AdminRequest, Append, Appended, Asked, News, PushReceipt, PushResult, Receipt, Refusal, StreamReceipt,
    StreamStatus, SyncReply, SyncRequest, encode_list,
};
use serde_json::{Value, json};

use crate::world::{GENERATION, IN_CHARGE, OPEN, Phone, SEALED, STATION, Seeded, TIME, World, key, note, phone};

/// An invented CA's certificate, and SHA-256 of its `SubjectPublicKeyInfo` as OpenSSL gives it.
const CA: &[u8] = include_bytes!("../data/ca.der");
const CA_PIN: &str = "f1648cd3cb86c8f07a4eb858ca5c86b028b945b040513166541594a934c9abb3";

fn signed(request: &SyncRequest, transport: &SignKey) -> Vec<u8> {
    let sign = |message: &[u8]| {
        let context = "samanvay sync v1";
        Ok::<_, ()>(transport.sign(context, &message[context.len() + 1..]))
    };
    request.encode(sign).unwrap()
}

/// Three segments in a row of one chain.
fn chain(world: &mut World, author: &Phone) -> Vec<Segment> {
    let mut place = world.place(author.id);
    let mut segments = Vec::new();
    for counter in 0..3 {
        let ops = [note(author.id, counter, "ग्राम सभा में बैठक")];
        let segment = seal(&ops, &place, &world.sealing(), &author.keys.sign, &mut world.random).unwrap();
        place = Place { first: segment.header.next(), prev: segment.hash(), ..place };
        segments.push(segment);
    }
    segments
}

/// What the hub answers to the three segments, not signed yet.
fn receipt(author: &Phone, segments: &[Segment]) -> Receipt {
    let results = [(PushResult::Held, 129), (PushResult::Accepted, 130), (PushResult::Gap, 0)];
    let push = |(segment, (result, position)): (&Segment, _)| PushReceipt { hash: segment.hash(), result, position };
    let in_sealed = segments.iter().zip(results).map(push).collect();
    Receipt {
        device: author.id,
        number: 300,
        incarnation: Incarnation([0x1d; 8]),
        hub_time: 1_795_000_000_250,
        streams: vec![
            StreamReceipt { stream: SEALED.handle(), status: StreamStatus::Ok, head: 130, next: 2, pushes: in_sealed },
            StreamReceipt { stream: OPEN.handle(), status: StreamStatus::Ok, head: 201, next: 0, pushes: Vec::new() },
        ],
        signature: [0; 64],
    }
}

/// The hub holds the first segment already (its reply was lost); the third names its prev itself and is answered `gap`.
pub(crate) fn sync() -> Value {
    let mut world = World::new();
    world.random = Seeded(104, 0);
    let (beat, hub) = (phone(12), key(20));
    let segments = chain(&mut world, &beat);
    let known = |prev| Known { author: Some(beat.id), generation: Some(GENERATION), prev };
    let prevs = [Some(Hash::default()), Some(segments[0].hash()), None];
    let pushes = segments.iter().zip(prevs).map(|(segment, prev)| segment.to_wire(&known(prev)).unwrap()).collect();
    let request = SyncRequest {
        device: beat.id,
        generation: GENERATION,
        number: 300,
        budget: 16_384,
        streams: vec![
            Asked { stream: SEALED.handle(), segments: false, cursor: 0, log: 3, pushes },
            Asked { stream: OPEN.handle(), segments: true, cursor: 200, log: 3, pushes: Vec::new() },
        ],
    };
    let receipt = receipt(&beat, &segments).sign(&hub);
    let in_charge = phone(11);
    let place = Place { stream: OPEN, position: world.open.len(), ..world.place(in_charge.id) };
    let ops = [note(in_charge.id, 0, "सत्र 2")];
    let pulled = seal(&ops, &place, &Sealing::Open, &in_charge.keys.sign, &mut world.random).unwrap();
    let entries = world.entries.iter().filter(|entry| entry.log() == SEALED.into()).skip(3);
    let news = vec![
        News { stream: SEALED, entries: entries.map(|entry| entry.encode().to_vec()).collect(), segments: Vec::new() },
        News { stream: OPEN, entries: Vec::new(), segments: vec![(201, pulled.to_wire(&Known::default()).unwrap())] },
    ];
    let reply = SyncReply { receipt, news, more: true };
    let hashes: Vec<_> = segments.iter().map(Segment::hash).collect();
    let bytes = reply.encode();
    assert_eq!(SyncReply::decode(&bytes, &request, &hashes, &hub.public()).unwrap(), reply);
    json!({
        "transport": hex(&beat.card.transport().public),
        "hub": hex(&hub.public()),
        "request": hex(&signed(&request, &beat.transport)),
        "request_says": {
            "device": beat.id.hex(), "generation": GENERATION.hex(), "number": 300, "budget": 16_384,
            "streams": [
                {"stream": SEALED.handle().hex(), "segments": false, "cursor": 0, "log": 3, "pushes": 3},
                {"stream": OPEN.handle().hex(), "segments": true, "cursor": 200, "log": 3, "pushes": 0},
            ],
        },
        "pushed_prevs": segments.iter().map(|segment| segment.header.prev.hex()).collect::<Vec<_>>(),
        "pushed": segments.iter().map(|segment| hex(&segment.encode())).collect::<Vec<_>>(),
        "reply": hex(&bytes),
        "reply_says": {
            "incarnation": reply.receipt.incarnation.hex(), "hub_time": reply.receipt.hub_time, "more": true,
            "streams": [
                {"status": 0, "head": 130, "next": 2, "pushes": [[1, 129], [0, 130], [4, 0]]},
                {"status": 0, "head": 201, "next": 0, "pushes": []},
            ],
            "entries": reply.news[0].entries.iter().map(|entry| hex(entry)).collect::<Vec<_>>(),
            "segment": {"position": 201, "segment": hex(&pulled.encode())},
        },
        "receipt": hex(&reply.receipt.encode()),
    })
}

/// Every refusal, and JSON bodies that are none that this version knows.
pub(crate) fn refusals() -> Value {
    let all = [
        Refusal::Malformed,
        Refusal::UnknownDevice,
        Refusal::BadSignature,
        Refusal::Removed,
        Refusal::StaleNumber { last: 300 },
        Refusal::LogMoved { length: 17 },
        Refusal::InviteUsed,
        Refusal::BadInvite,
        Refusal::BadEntry { index: 9 },
        Refusal::TooLarge,
        Refusal::Busy,
    ];
    let shown = all.map(|refusal| {
        json!({"status": refusal.status(), "body": refusal.to_json(), "code": refusal.code(), "detail": refusal.detail()})
    });
    let unknown = ["", "{}", "[]", "null", r#"{"code":"later"}"#, r#"{"code":7,"detail":1}"#, r#"{"detail":1}"#];
    json!({"refusals": shown, "unknown": unknown})
}

pub(crate) fn read_refusals(stored: &Value) {
    for case in stored["refusals"].as_array().unwrap() {
        let refusal = Refusal::from_json(case["body"].as_str().unwrap().as_bytes()).unwrap();
        let (code, detail) = (case["code"].as_str().unwrap(), case["detail"].as_u64().unwrap());
        assert_eq!((refusal.code(), refusal.detail()), (code, detail));
        assert_eq!(u64::from(refusal.status()), case["status"].as_u64().unwrap());
    }
    for body in stored["unknown"].as_array().unwrap() {
        assert_eq!(Refusal::from_json(body.as_str().unwrap().as_bytes()), None);
    }
}

pub(crate) fn admin() -> Value {
    let world = World::new();
    let entries: Vec<_> = world.entries.iter().take(2).map(|entry| entry.encode().to_vec()).collect();
    let append = Append { log: STATION.into(), length: 0, entries: entries.clone() };
    let asked = |act| hex(&AdminRequest::sign(act, &world.admin_card, TIME, &world.admin).encode());
    json!({
        "authority": hex(&world.authority.public()),
        "append": hex(&append.encode()),
        "append_says": {"log": STATION.hex(), "length": 0, "entries": entries.iter().map(|e| hex(e)).collect::<Vec<_>>()},
        "appended": Appended { length: 2 }.to_json(),
        "read_log": asked(AdminAct::ReadLog { log: STATION.into(), from: 200 }),
        "read_log_says": {"act": 1, "log": STATION.hex(), "from": 200, "time": TIME,
                          "admin": hex(world.admin_card.admin())},
        "pending": asked(AdminAct::PendingEnrolments),
        "list": hex(&encode_list(&entries)),
    })
}

pub(crate) fn invite() -> Value {
    let mut world = World::new();
    world.random = Seeded(105, 0);
    // A backup pin may stand before that of the CA that is sent along.
    let pins = vec![Hash([0xa2; 32]), Hash::from_hex(CA_PIN).unwrap()];
    let offer = Offer {
        unit: STATION,
        post: IN_CHARGE,
        expires: TIME + 900,
        hub_url: "https://hub.betul.example".to_owned(),
        pins: pins.clone(),
        ca: CA.to_vec(),
        authority: world.authority.public(),
        hub: key(20).public(),
    };
    let (invite, seed) = Invite::make(offer, &world.admin_card, &world.admin, &mut world.random).unwrap();
    let card = phone(14).card;
    let enrolment = Enrolment::make(&invite, &seed, &card).unwrap();
    assert_eq!(Enrolment::decode(&enrolment.encode()).unwrap(), enrolment);
    let code = invite.code(&seed);
    assert_eq!(Invite::from_code(&code).unwrap().0, invite);
    json!({
        "authority": hex(&world.authority.public()),
        "invite": hex(&invite.encode()),
        "invite_id": hex(&invite.id()),
        "invite_says": {
            "unit": STATION.hex(), "post": IN_CHARGE.hex(), "expires": TIME + 900,
            "hub_url": "https://hub.betul.example",
            "pins": pins.iter().map(Hash::hex).collect::<Vec<_>>(),
            "ca": hex(CA), "hub": hex(&key(20).public()), "admin_card": hex(&world.admin_card.encode()),
        },
        "code": *code,
        "enrolment": hex(&enrolment.encode()),
        "card": hex(&card.encode()),
        "device": card.device_id().hex(),
    })
}
