//! Authors whose rights have ended, and what is kept aside.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Ask, Station, refusal, session_schema};
use samanvay_sync::id::{RecordId, StreamId};
use samanvay_sync::log::{Body, Rights};
use samanvay_sync::op::{Value, Write};
use samanvay_sync::segment::Segment;
use samanvay_sync::wire::{PushResult, Refusal, StreamStatus, SyncReply};

fn results(reply: &SyncReply) -> Vec<PushResult> {
    reply.receipt.streams[0].pushes.iter().map(|push| push.result).collect()
}

async fn push(station: &mut Station, stream: StreamId, segments: Vec<Segment>) -> SyncReply {
    let log = station.log(stream).len();
    station.officer.sync(&station.hub, &[Ask::push(stream, log, segments)]).await.unwrap()
}

async fn head(station: &mut Station, stream: StreamId) -> u64 {
    let log = station.log(stream).len();
    let reply = station.chief.sync(&station.hub, &[Ask::pull(stream, 0, log)]).await.unwrap();
    reply.receipt.streams[0].head
}

/// What a column of a table holds once the hub has stopped.
async fn kept(station: Station, sql: &str) -> Vec<Vec<u8>> {
    let path = station.store();
    station.hub.running.stop().await;
    let store = rusqlite::Connection::open(path).unwrap();
    let mut statement = store.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn segment_of_a_member_whose_rights_have_ended_is_kept_for_review() {
    let mut station = Station::new().await;
    let own = station.own;
    let first = station.officer_writes(own, 1);
    assert_eq!(results(&push(&mut station, own, vec![first.clone()]).await), [PushResult::Accepted]);
    let offline = station.officer_writes(own, 2);
    let (unit, post) = (station.unit, station.beat);
    station.admin.stream_entry(own, Body::Member { unit, post, rights: Rights::NONE });
    station.publish().await;
    let late = station.officer_writes(own, 3);
    let pushed = vec![first, offline.clone(), late];
    let reply = push(&mut station, own, pushed).await;
    let expected = [PushResult::Held, PushResult::Quarantined, PushResult::NotWriter];
    assert_eq!(results(&reply), expected, "sent; written when it was allowed; written when it was not");
    assert_eq!(reply.receipt.streams[0].status, StreamStatus::NotMember);
    assert_eq!(head(&mut station, own).await, 1, "nobody is given what waits for review");
    assert!(station.hub.has_logged(r#""event":"quarantine""#));
    assert_eq!(kept(station, "SELECT body FROM quarantine").await, [offline.encode()]);
}

#[tokio::test]
async fn removed_device_hands_in_what_it_wrote_and_is_given_nothing() {
    let mut station = Station::new().await;
    let own = station.own;
    let offline = station.officer_writes(own, 1);
    let written = station.chief.op(RecordId([2; 16]), &session_schema(), &[]);
    let log = station.admin.streams[&own].clone();
    let of_chief = station.chief.write(&log, &[written]);
    station.chief.sync(&station.hub, &[Ask::push(own, log.len(), vec![of_chief])]).await.unwrap();
    station.remove_officer().await;

    assert_eq!(refusal(station.officer.sync(&station.hub, &[Ask::pull(own, 0, 0)]).await), Refusal::Removed);
    let ask = Ask { push: vec![offline.clone()], ..Ask::pull(own, 0, 0) };
    let (mut request, _, _) = station.officer.request(std::slice::from_ref(&ask));
    request.number += 1;
    let forged = station.chief.sign(&request);
    assert_eq!(refusal(station.hub.client.sync(forged).await), Refusal::BadSignature);
    let reply = station.officer.sync(&station.hub, &[ask]).await.unwrap();
    assert_eq!(results(&reply), [PushResult::Quarantined]);
    let stream = &reply.receipt.streams[0];
    assert_eq!((stream.status, stream.head, stream.next), (StreamStatus::NotMember, 0, 0));
    assert_eq!((reply.news, reply.more), (Vec::new(), false), "no stream's log says yet that it is gone");
    assert_eq!(head(&mut station, own).await, 1);
    assert_eq!(kept(station, "SELECT body FROM quarantine").await, [offline.encode()]);
}

#[tokio::test]
async fn unit_that_removed_a_device_gives_it_no_rights_before_the_stream_says_so() {
    let mut station = Station::new().await;
    let own = station.own;
    let other = station.admin.unit("विशेष किशोर पुलिस इकाई बैतूल");
    let post = station.admin.post(other, "बाल कल्याण अधिकारी");
    let card = station.officer.card.clone();
    station.admin.unit_entry(other, Body::Bind { post, card });
    station.publish().await;
    let first = station.officer_writes(own, 1);
    push(&mut station, own, vec![first]).await;
    station.remove_officer().await;
    let reply = station.officer.sync(&station.hub, &[Ask::pull(own, 0, 0)]).await.unwrap();
    assert_eq!(reply.receipt.streams[0].status, StreamStatus::NotMember);
    assert_eq!(reply.news, []);
}

#[tokio::test]
async fn forks_of_a_chain_are_kept_up_to_a_number() {
    let mut station = Station::new().await;
    let own = station.own;
    let first = station.officer_writes(own, 0);
    push(&mut station, own, vec![first]).await;
    let mut forks = Vec::new();
    for nth in 1..=20 {
        station.officer.chains.clear();
        forks.push(station.officer_writes(own, nth));
    }
    assert_eq!(results(&push(&mut station, own, forks).await), [PushResult::Fork; 20]);
    assert_eq!(kept(station, "SELECT hash FROM forks").await.len(), 16);
}

#[tokio::test]
async fn open_stream_refuses_rows_and_codes_that_its_form_does_not_have() {
    let mut station = Station::new().await;
    let open = station.open;
    let schema = session_schema();
    let id = |name| schema.field_named(name).unwrap().id;
    let row = samanvay_sync::id::RowId(*b"Sarita12");
    let delta = |adds: &[u64], removes: &[u64]| Write::Delta {
        adds: adds.to_vec(),
        removes: removes.iter().map(|code| (*code, Vec::new())).collect(),
    };
    let number = || Write::Set(Value::Int(1));
    let cases = [
        (PushResult::NotAdmitted, "campaign", vec![row], Write::Set(Value::Int(0))),
        (PushResult::NotAdmitted, "visitor_age", vec![], number()),
        (PushResult::NotAdmitted, "visitor_age", vec![row, row], number()),
        (PushResult::NotAdmitted, "visitors", vec![], number()),
        (PushResult::NotAdmitted, "visitors", vec![row, row], number()),
        (PushResult::NotAdmitted, "topics", vec![], delta(&[2], &[])),
        (PushResult::NotAdmitted, "topics", vec![], delta(&[0], &[0x5361_7269])),
        (PushResult::Accepted, "topics", vec![], delta(&[0, 1], &[1])),
        (PushResult::Accepted, "visitors", vec![row], number()),
        (PushResult::Accepted, "visitor_age", vec![row], number()),
    ];
    for (expected, name, rows, write) in cases {
        let mut op = station.officer.op(RecordId([1; 16]), &schema, &[("campaign", Value::Int(0))]);
        (op.changes[0].field, op.changes[0].rows, op.changes[0].write) = (id(name), rows, write);
        let log = station.admin.streams[&open].clone();
        let before = station.officer.chains.clone();
        let segment = station.officer.write(&log, &[op]);
        assert_eq!(results(&push(&mut station, open, vec![segment]).await), [expected], "{name}");
        if expected != PushResult::Accepted {
            station.officer.chains = before;
        }
    }
}
