//! Every way in which a request or a segment is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Ask, Device, NOW, Station, refusal, session_schema};
use samanvay_sync::bytes::Writer;
use samanvay_sync::client::ClientError;
use samanvay_sync::id::{Hash, LogId, RecordId, Root, StreamId};
use samanvay_sync::invite::{Enrolment, Invite, Offer};
use samanvay_sync::keys::{AdminCard, SignKey};
use samanvay_sync::log::{Body, Entry};
use samanvay_sync::op::{Role, Route, Value};
use samanvay_sync::segment::{Known, Place, Sealing, Segment, seal};
use samanvay_sync::wire::{AdminAct, AdminRequest, Append, PushResult, Refusal, SyncReply, decode_list};

fn only_result(reply: &SyncReply) -> PushResult {
    assert_eq!(reply.receipt.streams.len(), 1);
    reply.receipt.streams[0].pushes.last().unwrap().result
}

async fn push(station: &mut Station, stream: StreamId, segments: Vec<Segment>) -> PushResult {
    let log = station.log(stream).len();
    let reply = station.officer.sync(&station.hub, &[Ask::push(stream, log, segments)]).await.unwrap();
    only_result(&reply)
}

#[tokio::test]
async fn whole_requests_are_refused_with_their_code() {
    let mut station = Station::new().await;
    assert_eq!(refusal(station.hub.client.sync(b"garbage".to_vec()).await), Refusal::Malformed);
    assert_eq!(refusal(station.hub.client.sync(Vec::new()).await), Refusal::Malformed);
    assert_eq!(refusal(Device::new(99).sync(&station.hub, &[]).await), Refusal::UnknownDevice);

    let (request, bytes, _) = station.officer.request(&[]);
    station.hub.client.sync(bytes.clone()).await.unwrap();
    let replay = station.hub.client.sync(bytes.clone()).await;
    assert_eq!(refusal(replay), Refusal::StaleNumber { last: request.number });
    let mut forged = bytes;
    let last = forged.last_mut().unwrap();
    *last ^= 1;
    assert_eq!(refusal(station.hub.client.sync(forged).await), Refusal::BadSignature);
    let other_key = station.chief.sign(&request);
    assert_eq!(refusal(station.hub.client.sync(other_key).await), Refusal::BadSignature);

    let mut huge = request;
    huge.number = u64::MAX;
    let huge = station.officer.sign(&huge);
    assert_eq!(refusal(station.hub.client.sync(huge).await), Refusal::Malformed, "it would end the device's numbers");
}

#[tokio::test]
async fn cut_requests_are_malformed_at_every_length() {
    let mut station = Station::new().await;
    let segment = station.officer_writes(station.own, 1);
    let (_, bytes, _) = station.officer.request(&[Ask::push(station.own, 0, vec![segment])]);
    for cut in (0..bytes.len()).step_by(17) {
        let refused = refusal(station.hub.client.sync(bytes[..cut].to_vec()).await);
        assert_eq!(refused, Refusal::Malformed, "cut at {cut}");
    }
}

#[tokio::test]
async fn body_above_the_cap_is_refused_by_client_and_hub() {
    let station = Station::new().await;
    let large = vec![0; (4 << 20) + 1];
    assert_eq!(station.hub.client.sync(large).await, Err(ClientError::TooLarge));
    let reply = common::raw::post(&station.hub.running, "/v1/sync", 5 << 20).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
    assert!(reply.contains(r#""code":"too_large""#), "{reply}");
}

#[tokio::test]
async fn segment_out_of_its_chain_is_a_gap_or_a_fork() {
    let mut station = Station::new().await;
    let own = station.own;
    let first = station.officer_writes(own, 1);
    let second = station.officer_writes(own, 2);
    let third = station.officer_writes(own, 3);
    assert_eq!(push(&mut station, own, vec![third.clone()]).await, PushResult::Gap);
    assert_eq!(push(&mut station, own, vec![first.clone(), third.clone()]).await, PushResult::Gap);
    assert_eq!(push(&mut station, own, vec![second, third]).await, PushResult::Accepted);

    let schema = session_schema();
    let log = station.admin.streams[&own].clone();
    let op = station.officer.op(RecordId([9; 16]), &schema, &[("campaign", Value::Int(1))]);
    let other = station.officer.write_at(&log, std::slice::from_ref(&op), 1, first.hash());
    assert_eq!(
        push(&mut station, own, vec![other]).await,
        PushResult::Fork,
        "other bytes under a number that is taken"
    );
    let inside = station.officer.write_at(&log, &[op.clone(), op.clone()], 2, Hash([7; 32]));
    assert_eq!(push(&mut station, own, vec![inside]).await, PushResult::BadSignature, "names another one before it");
    let astray = station.officer.write_at(&log, &[op], 3, Hash([7; 32]));
    let astray_whole = astray.to_wire(&Known::default()).unwrap();
    let (mut request, _, _) = station.officer.request(&[Ask::push(own, 0, vec![astray.clone()])]);
    request.streams[0].pushes = vec![astray_whole];
    let bytes = station.hub.client.sync(station.officer.sign(&request)).await.unwrap();
    let hub = station.hub.running.public().hub_public;
    let reply = SyncReply::decode(&bytes, &request, &[astray.hash()], &hub).unwrap();
    assert_eq!(only_result(&reply), PushResult::Gap, "the one before travels along and is not the chain's last");

    let lines = station.hub.lines.0.lock().unwrap().join("\n");
    assert!(lines.contains(r#""event":"fork""#), "{lines}");
}

#[tokio::test]
async fn fork_is_kept_aside_and_given_to_nobody() {
    let mut station = Station::new().await;
    let own = station.own;
    let first = station.officer_writes(own, 1);
    assert_eq!(push(&mut station, own, vec![first.clone()]).await, PushResult::Accepted);
    station.officer.chains.clear();
    let clone_of_phone = station.officer_writes(own, 2);
    assert_eq!(push(&mut station, own, vec![clone_of_phone.clone()]).await, PushResult::Fork);
    let log = station.log(own).len();
    let reply = station.chief.sync(&station.hub, &[Ask::pull(own, 0, log)]).await.unwrap();
    assert_eq!(reply.receipt.streams[0].head, 1);
    let path = station.dir.path().join("hub/hub.sqlite");
    station.hub.running.stop().await;
    let kept: Vec<u8> =
        rusqlite::Connection::open(path).unwrap().query_row("SELECT body FROM forks", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, clone_of_phone.encode());
}

#[tokio::test]
async fn segment_is_refused_that_its_author_could_not_write() {
    let mut station = Station::new().await;
    let own = station.own;
    let schema = session_schema();
    let op = station.officer.op(RecordId([1; 16]), &schema, &[("campaign", Value::Int(0))]);
    let log = station.admin.streams[&own].clone();
    let place = Place {
        stream: own,
        author: station.officer.keys.device_id(),
        generation: station.officer.generation,
        first: 0,
        prev: Hash::default(),
        position: log.len(),
    };
    let sealing = Sealing::now(&log).unwrap();
    let mut write = |place: Place, sealing: Sealing| {
        seal(std::slice::from_ref(&op), &place, &sealing, &station.officer.keys.sign, &mut station.officer.random)
            .unwrap()
    };
    let ahead = write(Place { position: log.len() + 1, ..place }, sealing);
    let before_member = write(Place { position: 1, ..place }, sealing);
    let Sealing::Epoch(_, public) = sealing else { panic!("sealed stream") };
    let old_epoch = write(place, Sealing::Epoch(7, public));
    let unsealed = write(place, Sealing::Open);
    let mut forged = write(place, sealing);
    forged.root = Root([1; 16]);
    let other_stream = write(Place { stream: station.roll_up, ..place }, sealing);
    for (segment, expected) in [
        (ahead, PushResult::Ahead),
        (before_member, PushResult::NotWriter),
        (old_epoch, PushResult::WrongEpoch),
        (unsealed, PushResult::Malformed),
        (forged, PushResult::BadSignature),
        (other_stream, PushResult::BadSignature),
    ] {
        assert_eq!(push(&mut station, own, vec![segment]).await, expected);
    }
    let log = station.log(own).len();
    let reply = station.officer.sync(&station.hub, &[Ask::pull(own, 0, log)]).await.unwrap();
    assert_eq!(reply.receipt.streams[0].head, 0, "nothing refused is stored");
}

#[tokio::test]
async fn segment_written_by_another_device_is_refused() {
    let mut station = Station::new().await;
    let own = station.own;
    let op = station.chief.op(RecordId([1; 16]), &session_schema(), &[]);
    let log = station.admin.streams[&own].clone();
    let of_chief = station.chief.write(&log, &[op]);
    let (mut request, _, _) = station.officer.request(&[Ask::push(own, 0, vec![of_chief.clone()])]);
    request.streams[0].pushes = vec![of_chief.to_wire(&Known::default()).unwrap()];
    let bytes = station.hub.client.sync(station.officer.sign(&request)).await.unwrap();
    let hub = station.hub.running.public().hub_public;
    let reply = SyncReply::decode(&bytes, &request, &[of_chief.hash()], &hub).unwrap();
    assert_eq!(only_result(&reply), PushResult::NotWriter);
}

#[tokio::test]
async fn malformed_and_too_large_segments_are_refused_one_by_one() {
    let mut station = Station::new().await;
    let own = station.own;
    let good = station.officer_writes(own, 1);
    let known = Known {
        author: Some(good.header.author),
        generation: Some(good.header.generation),
        prev: Some(Hash::default()),
    };
    // A wire form within the cap whose whole is above it.
    let mut large = good.clone();
    large.body = vec![0; (1 << 20) - 140];
    let (mut request, _, _) = station.officer.request(&[Ask::push(own, 0, vec![good.clone()])]);
    let garbage = vec![0xff; 200];
    request.streams[0].pushes = vec![garbage, large.to_wire(&known).unwrap(), good.to_wire(&known).unwrap()];
    let bytes = station.hub.client.sync(station.officer.sign(&request)).await.unwrap();
    let hashes = [Hash::default(), Hash::default(), good.hash()];
    let reply = SyncReply::decode(&bytes, &request, &hashes, &station.hub.running.public().hub_public).unwrap();
    let results: Vec<PushResult> = reply.receipt.streams[0].pushes.iter().map(|push| push.result).collect();
    assert_eq!(results, [PushResult::Malformed, PushResult::TooLarge, PushResult::Accepted]);
}

#[tokio::test]
async fn open_stream_takes_class_a_in_its_own_kinds_and_nothing_else() {
    let mut station = Station::new().await;
    let open = station.open;
    let schema = session_schema();
    let unknown = samanvay_sync::schema::Schema::new("awareness_session", "2", schema.fields().to_vec()).unwrap();
    let name = || Value::Text("कु. सरिता, ग्राम चिचोली".to_owned());
    let cases = [
        (&schema, "place_text", name()),
        (&schema, "tally_10_13_f", name()),
        (&schema, "campaign", name()),
        (&schema, "campaign", Value::Raw(b"name".to_vec())),
        (&unknown, "campaign", Value::Int(0)),
    ];
    for (schema, field, value) in cases {
        let op = station.officer.op(RecordId([1; 16]), schema, &[(field, value)]);
        let log = station.admin.streams[&open].clone();
        let segment = station.officer.write_at(&log, &[op], 0, Hash::default());
        assert_eq!(push(&mut station, open, vec![segment]).await, PushResult::NotAdmitted, "{field}");
    }
    let mut telltale = station.officer.op(RecordId([1; 16]), &schema, &[("campaign", Value::Int(0))]);
    telltale.routes = vec![Route { stream: station.own, role: Role::Home }];
    let log = station.admin.streams[&open].clone();
    let segment = station.officer.write_at(&log, &[telltale], 0, Hash::default());
    assert_eq!(
        push(&mut station, open, vec![segment]).await,
        PushResult::NotAdmitted,
        "tells where else the record is"
    );
    let good = station.officer_writes(open, 1);
    assert_eq!(push(&mut station, open, vec![good]).await, PushResult::Accepted);
}

#[tokio::test]
async fn log_entries_are_verified_before_they_are_taken() {
    let mut station = Station::new().await;
    let log = &station.admin.units[&station.unit];
    let (length, log_id) = (log.len(), LogId::from(station.unit));
    let stranger = SignKey::from_seed(&[5; 32]).unwrap();
    let post = || Body::post(station.beat, samanvay_sync::log::PostRole::InCharge, "थाना प्रभारी");
    let forged = Entry::sign(log_id, length, log.head(), NOW, post(), &[&stranger]).unwrap();
    let astray = Entry::sign(log_id, length, Hash([3; 32]), NOW, post(), &[&station.admin.key]).unwrap();
    for entry in [&forged, &astray] {
        let refused = refusal(common::append(&station.hub.client, entry).await);
        assert_eq!(refused, Refusal::BadEntry { index: length });
    }
    let append = |log, entries: Vec<Vec<u8>>| Append { log, length, entries }.encode();
    let garbage = append(log_id, vec![vec![1; 300]]);
    assert_eq!(refusal(station.hub.client.append(garbage).await), Refusal::BadEntry { index: length });
    let moved = Append { log: log_id, length: u64::MAX, entries: vec![forged.encode().to_vec()] }.encode();
    assert_eq!(refusal(station.hub.client.append(moved).await), Refusal::LogMoved { length });
    let other_log = Append { log: LogId([8; 16]), length: 0, entries: vec![forged.encode().to_vec()] }.encode();
    assert_eq!(refusal(station.hub.client.append(other_log).await), Refusal::BadEntry { index: 0 });
    assert_eq!(refusal(station.hub.client.append(b"\x09".to_vec()).await), Refusal::Malformed);

    // A stream cannot name more of a unit's log than the hub holds.
    station.admin.post(station.unit, "चौकी पाढर");
    station.admin.written.clear();
    station.admin.unit_at(station.own, station.unit);
    let index = station.log(station.own).len() - 1;
    let refused = station.admin.publish(&station.hub.client).await;
    assert_eq!(refusal(refused), Refusal::BadEntry { index });
}

#[tokio::test]
async fn batch_with_a_bad_entry_is_not_taken_in_part() {
    let mut station = Station::new().await;
    let (log_id, length) = (LogId::from(station.unit), station.admin.units[&station.unit].len());
    station.admin.post(station.unit, "चौकी खेड़ी");
    let good = station.admin.written.pop().unwrap();
    let bad = Entry::sign(log_id, length + 1, Hash([3; 32]), NOW, good.body().clone(), &[&station.admin.key]).unwrap();
    let entries = vec![good.encode().to_vec(), bad.encode().to_vec()];
    let refused = station.hub.client.append(Append { log: log_id, length, entries }.encode()).await;
    assert_eq!(refusal(refused), Refusal::BadEntry { index: length + 1 });
    assert_eq!(station.admin.read_log(&station.hub.client, log_id).await.len() as u64, length);
}

#[tokio::test]
async fn admin_reads_only_in_its_district_and_only_if_certified() {
    let station = Station::new().await;
    let authority = &station.admin.authority;
    let bhopal = SignKey::from_seed(&[21; 32]).unwrap();
    let act = AdminAct::ReadLog { log: LogId::from(station.own), from: 0 };
    let ask = |card: &AdminCard, key: &SignKey| AdminRequest::sign(act, card, NOW, key).encode();

    let certified = AdminCard::issue(authority, bhopal.public(), 396, "ज़िला कार्यालय भोपाल");
    let reply = station.hub.client.admin(ask(&certified, &bhopal)).await.unwrap();
    assert_eq!(decode_list(&reply).unwrap(), Vec::<Vec<u8>>::new());
    let state = AdminCard::issue(authority, bhopal.public(), 0, "राज्य कार्यालय");
    let reply = station.hub.client.admin(ask(&state, &bhopal)).await.unwrap();
    assert_eq!(decode_list(&reply).unwrap().len() as u64, station.log(station.own).len());

    let own_authority = AdminCard::issue(&bhopal, bhopal.public(), 394, "ज़िला कार्यालय बैतूल");
    assert_eq!(refusal(station.hub.client.admin(ask(&own_authority, &bhopal)).await), Refusal::BadSignature);
    let mut tampered = ask(&certified, &bhopal);
    *tampered.last_mut().unwrap() ^= 1;
    assert_eq!(refusal(station.hub.client.admin(tampered).await), Refusal::BadSignature);
    assert_eq!(refusal(station.hub.client.admin(b"\x01\x63".to_vec()).await), Refusal::Malformed);
}

#[tokio::test]
async fn invite_that_no_admin_of_the_unit_made_is_refused() {
    let mut station = Station::new().await;
    let public = station.hub.running.public().clone();
    let stranger = SignKey::from_seed(&[31; 32]).unwrap();
    let offer = |authority| Offer {
        unit: station.unit,
        post: station.beat,
        expires: NOW,
        hub_url: public.url.clone(),
        pins: Vec::new(),
        ca: Vec::new(),
        authority,
        hub: public.hub_public,
    };
    let random = &mut station.admin.random;
    let device = Device::new(60);
    let other_authority = AdminCard::issue(&stranger, stranger.public(), 394, "नकली कार्यालय");
    let (forged, forged_seed) = Invite::make(offer(stranger.public()), &other_authority, &stranger, random).unwrap();
    let bhopal = AdminCard::issue(&station.admin.authority, stranger.public(), 396, "ज़िला कार्यालय भोपाल");
    let ours = station.admin.authority.public();
    let (astray, astray_seed) = Invite::make(offer(ours), &bhopal, &stranger, random).unwrap();
    for (invite, seed) in [(forged, forged_seed), (astray, astray_seed)] {
        let enrolment = Enrolment::make(&invite, &seed, &device.card).unwrap();
        assert_eq!(refusal(station.hub.client.enrol(enrolment.encode()).await), Refusal::BadInvite);
    }
    let mut nonsense = Writer::new();
    nonsense.u8(1).bytes([0; 10]);
    assert_eq!(refusal(station.hub.client.enrol(nonsense.finish()).await), Refusal::Malformed);
}

#[tokio::test]
async fn segment_that_begins_inside_another_and_leaves_out_what_stands_before_is_a_gap() {
    let mut station = Station::new().await;
    let own = station.own;
    let log = station.admin.streams[&own].clone();
    let ops: Vec<_> = (1..4).map(|nth| station.officer.op(RecordId([nth; 16]), &session_schema(), &[])).collect();
    let three = station.officer.write(&log, &ops);
    assert_eq!(push(&mut station, own, vec![three]).await, PushResult::Accepted);
    let inside = station.officer.write_at(&log, &ops[1..], 1, Hash([7; 32]));
    assert_eq!(push(&mut station, own, vec![inside]).await, PushResult::Gap);
}

#[tokio::test]
async fn batch_is_judged_up_to_its_first_bad_entry() {
    let station = Station::new().await;
    let log = &station.admin.units[&station.unit];
    let (log_id, length) = (LogId::from(station.unit), log.len());
    let post = Body::post(station.beat, samanvay_sync::log::PostRole::InCharge, "थाना प्रभारी");
    let astray = Entry::sign(log_id, length, Hash([3; 32]), NOW, post, &[&station.admin.key]).unwrap();
    let entries = vec![astray.encode().to_vec(), vec![1; 300]];
    let refused = station.hub.client.append(Append { log: log_id, length, entries }.encode()).await;
    assert_eq!(refusal(refused), Refusal::BadEntry { index: length }, "what follows is not even read");
}
