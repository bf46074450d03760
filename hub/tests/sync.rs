//! Enrol, bind, push, pull: devices and a hub over TLS on loopback.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Ask, BETUL, Device, NOW, Station, TestHub, client_of, refusal};
use samanvay_sync::id::{Generation, LogId, RecordId, StreamId};
use samanvay_sync::invite::{Enrolment, Invite};
use samanvay_sync::keys::draw;
use samanvay_sync::log::{Body, Entry, RemoveReason, StreamLog, UnitLog};
use samanvay_sync::op::Value;
use samanvay_sync::segment::{Known, Segment, WireForm, open};
use samanvay_sync::wire::{AdminAct, AdminRequest, PushResult, Refusal, StreamStatus, SyncReply, decode_list};

fn segments(reply: &SyncReply, stream: StreamId) -> Vec<(u64, Segment)> {
    let news = reply.news.iter().filter(|news| news.stream == stream).flat_map(|news| &news.segments);
    let decoded = news.map(|(position, wire)| {
        let whole = WireForm::decode(wire).unwrap().complete(stream, &Known::default()).unwrap();
        (*position, whole)
    });
    decoded.collect()
}

fn results(reply: &SyncReply, nth: usize) -> Vec<(PushResult, u64)> {
    reply.receipt.streams[nth].pushes.iter().map(|push| (push.result, push.position)).collect()
}

#[tokio::test]
async fn device_enrols_is_bound_pushes_and_another_pulls() {
    let mut station = Station::new().await;
    let offer = station.offer(station.beat);
    let admin = &mut station.admin;
    let (invite, seed) = Invite::make(offer, &admin.card, &admin.key, &mut admin.random).unwrap();
    let mut newcomer = Device::new(77);
    let enrolment = Enrolment::make(&invite, &seed, &newcomer.card).unwrap();
    station.hub.client.enrol(enrolment.encode()).await.unwrap();
    station.hub.client.enrol(enrolment.encode()).await.unwrap();
    let second = Enrolment::make(&invite, &seed, &Device::new(78).card).unwrap();
    assert_eq!(refusal(station.hub.client.enrol(second.encode()).await), Refusal::InviteUsed);
    assert_eq!(refusal(newcomer.sync(&station.hub, &[]).await), Refusal::UnknownDevice);

    let admin = &mut station.admin;
    let ask = AdminRequest::sign(AdminAct::PendingEnrolments, &admin.card, NOW, &admin.key);
    let pending = decode_list(&station.hub.client.admin(ask.encode()).await.unwrap()).unwrap();
    assert_eq!(pending, [enrolment.encode()]);
    let card = Enrolment::decode(&pending[0]).unwrap().card().clone();
    admin.unit_entry(station.unit, Body::Bind { post: station.beat, card: card.clone() });
    admin.unit_at(station.own, station.unit);
    let key = &admin.epochs[&station.own];
    let wrap = admin.streams[&station.own].wrap(card.device_id(), 1, key, &mut admin.random).unwrap();
    admin.stream_entry(station.own, wrap);
    admin.publish(&station.hub.client).await.unwrap();
    let pending = station.hub.client.admin(ask.encode()).await.unwrap();
    assert_eq!(decode_list(&pending).unwrap(), Vec::<Vec<u8>>::new(), "who is bound waits no longer");

    let first = station.officer_writes(station.own, 1);
    let log_length = station.log(station.own).len();
    let reply = station.officer.sync(&station.hub, &[Ask::push(station.own, log_length, vec![first.clone()])]).await;
    let reply = reply.unwrap();
    assert_eq!(results(&reply, 0), [(PushResult::Accepted, 1)]);
    assert_eq!((reply.receipt.streams[0].head, reply.receipt.streams[0].next), (1, 1));
    assert_eq!(segments(&reply, station.own), [], "what a request pushed is not sent back to it");

    // The newcomer knows nothing: it hears of its streams, names one, and reads history with its one wrap.
    let reply = newcomer.sync(&station.hub, &[]).await.unwrap();
    assert!(reply.more);
    let authority = station.admin.authority.public();
    let mut units = std::collections::BTreeMap::from([(station.unit, UnitLog::new(station.unit, authority))]);
    let mut log = StreamLog::new(station.own, authority);
    let news = reply.news.iter().find(|news| news.stream == station.own).unwrap();
    for bytes in &news.entries {
        let entry = Entry::decode(bytes).unwrap();
        if entry.log() == LogId::from(station.own) {
            log.append(&entry, &units).unwrap();
        } else {
            units.get_mut(&station.unit).unwrap().append(&entry).unwrap();
        }
    }
    assert_eq!(log.len(), log_length);
    let reply = newcomer.sync(&station.hub, &[Ask::pull(station.own, 0, log_length)]).await.unwrap();
    let pulled = segments(&reply, station.own);
    assert_eq!(pulled, [(1, first.clone())]);
    let keys = log.epoch_keys(&newcomer.keys.boxk, &newcomer.keys.device_id());
    assert_eq!(open(&pulled[0].1, &keys).unwrap(), open(&first, &keys).unwrap());
    station.hub.running.stop().await;
}

#[tokio::test]
async fn restarted_hub_holds_everything_and_keeps_its_identity() {
    let mut station = Station::new().await;
    let first = station.officer_writes(station.own, 1);
    let log = station.log(station.own).len();
    let reply = station.officer.sync(&station.hub, &[Ask::push(station.own, log, vec![first.clone()])]).await.unwrap();
    let before = station.hub.running.public().clone();
    let mut station = station.restart().await;
    let after = station.hub.running.public();
    assert_eq!((&before.ca_der, before.hub_public), (&after.ca_der, after.hub_public));

    let pulled = station.chief.sync(&station.hub, &[Ask::pull(station.own, 0, log)]).await.unwrap();
    assert_eq!(segments(&pulled, station.own), [(1, first.clone())]);
    assert_eq!(pulled.receipt.incarnation, reply.receipt.incarnation);
    station.officer.number -= 1;
    let stale = refusal(station.officer.sync(&station.hub, &[]).await);
    assert_eq!(stale, Refusal::StaleNumber { last: 1 }, "a request cannot be replayed after a restart");
    let second = station.officer_writes(station.own, 2);
    station.officer.number += 1;
    let reply = station.officer.sync(&station.hub, &[Ask::push(station.own, log, vec![first, second])]).await.unwrap();
    assert_eq!(results(&reply, 0), [(PushResult::Held, 1), (PushResult::Accepted, 2)]);
}

#[tokio::test]
async fn repeat_whose_receipt_was_lost_is_held_without_naming_what_stands_before() {
    let mut station = Station::new().await;
    let log = station.log(station.own).len();
    let pushed: Vec<Segment> = (1..4).map(|nth| station.officer_writes(station.own, nth)).collect();
    for _ in 0..2 {
        let ask = Ask::push(station.own, log, pushed.clone());
        station.officer.sync(&station.hub, &[ask]).await.unwrap();
    }
    let middle = Ask::push(station.own, log, vec![pushed[1].clone()]);
    let reply = station.officer.sync(&station.hub, &[middle]).await.unwrap();
    assert_eq!(results(&reply, 0), [(PushResult::Held, 2)]);
    assert_eq!((reply.receipt.streams[0].head, reply.receipt.streams[0].next), (3, 3));
}

#[tokio::test]
async fn concurrent_pushes_of_two_devices_get_every_position_once() {
    let mut station = Station::new().await;
    let log = station.log(station.own).len();
    let schema = common::session_schema();
    let (mut officer, mut chief) = (station.officer, station.chief);
    let hub = &station.hub;
    let stream_log = &station.admin.streams[&station.own];
    let push = async |device: &mut Device, seed: u8| {
        let mut positions = Vec::new();
        for nth in 0..20 {
            let op = device.op(RecordId([seed + nth; 16]), &schema, &[("campaign", Value::Int(1))]);
            let segment = device.write(stream_log, &[op]);
            let reply = device.sync(hub, &[Ask::push(station.own, log, vec![segment])]).await.unwrap();
            positions.extend(results(&reply, 0));
        }
        positions
    };
    let (a, b) = tokio::join!(push(&mut officer, 1), push(&mut chief, 100));
    let mut positions: Vec<u64> = a.into_iter().chain(b).map(|(_, position)| position).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=40).collect::<Vec<u64>>());
    station.chief = chief;
    let pulled = station.chief.sync(&station.hub, &[Ask::pull(station.own, 0, log)]).await.unwrap();
    assert_eq!(segments(&pulled, station.own).len(), 40);
}

#[tokio::test]
async fn budget_cuts_a_pull_between_segments_and_more_says_so() {
    let mut station = Station::new().await;
    let log = station.log(station.own).len();
    let pushed: Vec<Segment> = (1..6).map(|nth| station.officer_writes(station.own, nth)).collect();
    station.officer.sync(&station.hub, &[Ask::push(station.own, log, pushed.clone())]).await.unwrap();
    let (mut cursor, mut got, mut rounds) = (0, Vec::new(), 0);
    loop {
        let (mut request, _, _) = station.chief.request(&[Ask::pull(station.own, cursor, log)]);
        request.budget = 2 * pushed[0].to_wire(&Known::default()).unwrap().len() as u64;
        let bytes = station.hub.client.sync(station.chief.sign(&request)).await.unwrap();
        let reply = SyncReply::decode(&bytes, &request, &[], &station.hub.running.public().hub_public).unwrap();
        got.extend(segments(&reply, station.own).into_iter().map(|(_, segment)| segment));
        cursor = segments(&reply, station.own).last().map_or(cursor, |(position, _)| *position);
        rounds += 1;
        if !reply.more {
            break;
        }
    }
    assert_eq!((got, rounds), (pushed, 3));
}

#[tokio::test]
async fn who_only_writes_gets_entries_and_no_segments() {
    let mut station = Station::new().await;
    let segment = station.officer_writes(station.roll_up, 1);
    let log = station.log(station.roll_up).len();
    let ask = Ask::push(station.roll_up, log, vec![segment]);
    station.officer.sync(&station.hub, &[ask]).await.unwrap();
    let reply = station.chief.sync(&station.hub, &[Ask::pull(station.roll_up, 0, 0)]).await.unwrap();
    assert_eq!(reply.receipt.streams[0].status, StreamStatus::Ok);
    let news = reply.news.iter().find(|news| news.stream == station.roll_up).unwrap();
    assert!(news.entries.len() as u64 > log, "the stream's entries and the unit's");
    assert_eq!(segments(&reply, station.roll_up), []);
    assert!(!reply.news.iter().any(|news| !news.segments.is_empty()));
}

#[tokio::test]
async fn stranger_to_a_stream_learns_nothing_of_it() {
    let mut station = Station::new().await;
    let segment = station.officer_writes(station.own, 1);
    let log = station.log(station.own).len();
    station.officer.sync(&station.hub, &[Ask::push(station.own, log, vec![segment])]).await.unwrap();

    let (unit, post, mut stranger) = {
        let admin = &mut station.admin;
        let unit = admin.unit("आशा किरण सेवा समिति");
        (unit, admin.post(unit, "क्षेत्र कार्यकर्ता"), Device::new(50))
    };
    station.admin.unit_entry(unit, Body::Bind { post, card: stranger.card.clone() });
    station.admin.publish(&station.hub.client).await.unwrap();
    let unknown = StreamId([0xee; 16]);
    let op = stranger.op(RecordId([9; 16]), &common::session_schema(), &[]);
    let forged = stranger.write(&station.admin.streams[&station.own], &[op]);
    let mut ask = Ask::pull(station.own, 0, 0);
    ask.push = vec![forged];
    let reply = stranger.sync(&station.hub, &[ask, Ask::pull(unknown, 0, 0)]).await.unwrap();
    let [own, none] = &reply.receipt.streams[..] else { panic!("two streams were asked for") };
    assert_eq!((own.status, own.head, own.next), (StreamStatus::NotMember, 0, 0));
    assert_eq!(results(&reply, 0), [(PushResult::NotWriter, 0)]);
    assert_eq!(none.status, StreamStatus::Unknown);
    assert_eq!(reply.news, []);
    assert!(!reply.more);
}

#[tokio::test]
async fn removed_device_is_refused_and_a_new_epoch_shuts_it_out() {
    let mut station = Station::new().await;
    let device = station.officer.keys.device_id();
    let reason = RemoveReason::Lost;
    station.admin.unit_entry(station.unit, Body::Remove { device, reason });
    station.admin.publish(&station.hub.client).await.unwrap();
    assert_eq!(refusal(station.officer.sync(&station.hub, &[]).await), Refusal::Removed);
    station.admin.unit_at(station.own, station.unit);
    station.admin.epoch(station.own);
    station.admin.publish(&station.hub.client).await.unwrap();
    let log = station.log(station.own).len();
    let reply = station.chief.sync(&station.hub, &[Ask::pull(station.own, 0, log - 2)]).await.unwrap();
    let news = reply.news.iter().find(|news| news.stream == station.own).unwrap();
    let logs: Vec<LogId> = news.entries.iter().map(|bytes| Entry::decode(bytes).unwrap().log()).collect();
    let (unit, own) = (LogId::from(station.unit), LogId::from(station.own));
    assert_eq!(logs, [unit, own, own], "only the unit's new entry comes, before the entry that needs it");
}

#[tokio::test]
async fn appends_race_and_one_of_them_is_told_to_read_first() {
    let mut station = Station::new().await;
    let log = &station.admin.units[&station.unit];
    let length = log.len();
    let admin = &station.admin;
    let names = ["चौकी प्रभारी", "आरक्षक"];
    let entries = names.map(|name| {
        let post = samanvay_sync::id::PostId(draw(&mut common::Seeded::new(name.len() as u64)).unwrap());
        log.draft(NOW, Body::post(post, samanvay_sync::log::PostRole::FieldWorker, name), &[&admin.key]).unwrap()
    });
    let other = client_of(&station.hub.running);
    let (a, b) = tokio::join!(common::append(&station.hub.client, &entries[0]), common::append(&other, &entries[1]));
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    assert_eq!(won, Ok(length + 1));
    assert_eq!(refusal(lost), Refusal::LogMoved { length: length + 1 });
    let held = station.admin.read_log(&station.hub.client, LogId::from(station.unit)).await;
    assert_eq!(held.len() as u64, length + 1);
    station.admin.written.clear();
    assert_eq!(station.admin.card.district(), BETUL);
}

#[tokio::test]
async fn two_generations_of_a_device_are_two_chains() {
    let mut station = Station::new().await;
    let old = station.officer_writes(station.own, 1);
    let log = station.log(station.own).len();
    station.officer.generation = Generation(draw(&mut station.officer.random).unwrap());
    station.officer.chains.clear();
    let new = station.officer_writes(station.own, 2);
    let ask = Ask::push(station.own, log, vec![old, new]);
    let reply = station.officer.sync(&station.hub, &[ask]).await.unwrap();
    assert_eq!(results(&reply, 0), [(PushResult::Accepted, 1), (PushResult::Accepted, 2)]);
    assert_eq!(reply.receipt.streams[0].next, 1, "of the request's generation");
}

#[tokio::test]
async fn hub_without_an_authority_takes_no_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut admin = common::Admin::new(3);
    admin.unit("थाना सारणी");
    let hub = TestHub::start_with(dir.path(), &admin.authority, |config| config.authority = None).await;
    let refused = admin.publish(&hub.client).await;
    assert_eq!(refusal(refused), Refusal::BadEntry { index: 0 });
}
