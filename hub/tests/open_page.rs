//! The open page: what counts, whose word counts, and what is hidden.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Ask, Device, Station, case_schema, raw, session_schema};
use samanvay_sync::id::{OpId, RecordId};
use samanvay_sync::log::{Body, Rights};
use samanvay_sync::op::{Op, Value};
use samanvay_sync::wire::PushResult;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn station(show_small_cells: bool) -> Station {
    Station::new_with(|config| {
        config.show_small_cells = show_small_cells;
        config.page = Some("127.0.0.1:0".parse().unwrap());
    })
    .await
}

/// Pushes ops into the open stream.
async fn push(station: &Station, device: &mut Device, ops: &[Op]) {
    let log = &station.admin.streams[&station.open];
    let segment = device.write(log, ops);
    let reply = device.sync(&station.hub, &[Ask::push(station.open, log.len(), vec![segment])]).await.unwrap();
    assert_eq!(reply.receipt.streams[0].pushes[0].result, PushResult::Accepted);
}

async fn officer_pushes(station: &mut Station, ops: &[Op]) {
    let mut officer = std::mem::replace(&mut station.officer, Device::new(98));
    push(station, &mut officer, ops).await;
    station.officer = officer;
}

fn tallies(girls: i64, men: i64) -> Vec<(&'static str, Value)> {
    let venue = Value::Int(0);
    let counts = [("tally_10_13_f", Value::Int(girls)), ("tally_60p_m", Value::Int(men))];
    [[("campaign", Value::Int(0)), ("venue_type", venue)], counts].concat()
}

/// A later op on a record that replaces what `before` wrote.
fn correction(device: &mut Device, record: u8, before: OpId, girls: i64) -> Op {
    let mut op = device.op(RecordId([record; 16]), &session_schema(), &[("tally_10_13_f", Value::Int(girls))]);
    op.creates = false;
    op.changes[0].replaces = vec![before];
    op
}

fn open_case(device: &mut Device, nth: u8, state: i64) -> Op {
    let values = [("district", Value::Int(0)), ("kind", Value::Int(0)), ("state", Value::Int(state))];
    device.op(RecordId([100 + nth; 16]), &case_schema(), &values)
}

/// A station whose officer has written two sessions, a correction and `missing` open cases into the open stream.
async fn with_open_facts(missing: u8, show_small_cells: bool) -> Station {
    let mut station = station(show_small_cells).await;
    let officer = &mut station.officer;
    let first = officer.op(RecordId([1; 16]), &session_schema(), &tallies(400, 4));
    let corrected = correction(officer, 1, first.id, 40);
    let mut ops = vec![first, officer.op(RecordId([2; 16]), &session_schema(), &tallies(3, 5)), corrected];
    // The last one is closed.
    ops.extend((0..=missing).map(|nth| open_case(officer, nth, i64::from(nth == missing))));
    officer_pushes(&mut station, &ops).await;
    station
}

async fn json(station: &Station) -> String {
    raw::get(&station.hub.running, "/open.json").await
}

#[tokio::test]
async fn open_page_adds_up_and_counts_a_correction_once() {
    let station = with_open_facts(5, false).await;
    let json = json(&station).await;
    for expected in [
        r#""sessions":{"srijan":2}"#,
        r#""10_13":{"f":43}"#,
        r#""60p":{"m":9}"#,
        r#""people_total":52"#,
        r#""open_missing":{"394":5}"#,
    ] {
        assert!(json.contains(expected), "{expected} in {json}");
    }
    let page = raw::get(&station.hub.running, "/").await;
    for expected in ["जागरूकता सत्र · Awareness sessions", "<td>43", "60+", "महिला थाना बैतूल (394)"]
    {
        assert!(page.contains(expected), "{expected}");
    }
    let plain = async |request: &str| {
        let mut plain = TcpStream::connect(station.hub.running.page().unwrap()).await.unwrap();
        plain.write_all(format!("{request}\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        plain.read_to_string(&mut text).await.unwrap();
        text
    };
    let text = plain("GET / HTTP/1.1").await;
    assert_eq!(page.split("\r\n\r\n").nth(1), text.split("\r\n\r\n").nth(1));
    let text = plain("POST /v1/sync HTTP/1.1\r\ncontent-length: 0").await;
    assert!(text.starts_with("HTTP/1.1 404"), "only the page is served in clear: {text}");
}

#[tokio::test]
async fn small_counts_are_hidden_unless_the_operator_shows_them() {
    let hidden = with_open_facts(2, false).await;
    let text = json(&hidden).await;
    assert!(text.contains(r#""open_missing":{"394":"<5"},"open_missing_total":"<5""#), "{text}");
    let page = raw::get(&hidden.hub.running, "/").await;
    assert!(page.contains("<td>&lt;5") && page.contains("Counts of cases from 1 to 4"), "{page}");
    let shown = with_open_facts(2, true).await;
    let text = json(&shown).await;
    assert!(text.contains(r#""open_missing":{"394":2},"open_missing_total":2"#), "{text}");
    assert!(raw::get(&shown.hub.running, "/").await.contains("has asked to show small counts"));
}

#[tokio::test]
async fn age_band_with_few_people_is_hidden_and_cannot_be_worked_out() {
    let mut station = station(false).await;
    let op = station.officer.op(RecordId([1; 16]), &session_schema(), &tallies(40, 3));
    officer_pushes(&mut station, &[op]).await;
    let text = json(&station).await;
    assert!(text.contains(r#""people":{}"#) && text.contains(r#""people_total":43"#), "{text}");
    assert!(text.contains(r#""people_by_age":{"10_13":"hidden","60p":"hidden"}"#), "{text}");
}

#[tokio::test]
async fn people_in_institutions_count_in_totals_only() {
    let mut station = station(false).await;
    let mut values = tallies(12, 6);
    values[1].1 = Value::Int(1);
    let op = station.officer.op(RecordId([1; 16]), &session_schema(), &values);
    let elsewhere = station.officer.op(RecordId([2; 16]), &session_schema(), &tallies(20, 10));
    officer_pushes(&mut station, &[op, elsewhere]).await;
    let text = json(&station).await;
    assert!(text.contains(r#""people":{"10_13":{"f":20},"60p":{"m":10}}"#), "{text}");
    assert!(text.contains(r#""people_institutions":18,"people_total":48"#), "{text}");
}

#[tokio::test]
async fn only_the_unit_that_created_a_record_changes_what_it_counts() {
    let mut station = station(false).await;
    let (unit, post, mut neighbour) = station.neighbour(61);
    station.admin.unit_at(station.open, unit);
    station.admin.stream_entry(station.open, Body::Member { unit, post, rights: Rights::WRITER });
    let (own, in_charge) = (station.unit, station.in_charge);
    station.admin.stream_entry(station.open, Body::Member { unit: own, post: in_charge, rights: Rights::BOTH });
    station.publish().await;
    let first = station.officer.op(RecordId([1; 16]), &session_schema(), &tallies(40, 9));
    let before = first.id;
    officer_pushes(&mut station, &[first]).await;

    let mut as_a_case = open_case(&mut neighbour, 0, 0);
    as_a_case.record = RecordId([1; 16]);
    as_a_case.seconds = 0; // claims to be the first that was ever written
    let mut again = neighbour.op(RecordId([1; 16]), &session_schema(), &tallies(7000, 7000));
    again.seconds = 0;
    let changed = correction(&mut neighbour, 1, before, 9000);
    push(&station, &mut neighbour, &[as_a_case, again, changed]).await;
    let text = json(&station).await;
    assert!(text.contains(r#""people":{"10_13":{"f":40},"60p":{"m":9}}"#), "{text}");
    assert!(text.contains(r#""open_missing":{}"#) && text.contains(r#""sessions_total":1"#), "{text}");

    station.hub.clock.pass(60_000);
    let mut chief = std::mem::replace(&mut station.chief, Device::new(97));
    let corrected = correction(&mut chief, 1, before, 50);
    push(&station, &mut chief, &[corrected]).await;
    let text = json(&station).await;
    assert!(text.contains(r#""10_13":{"f":50}"#), "a colleague corrects: {text}");
}

#[tokio::test]
async fn case_counts_in_the_district_of_its_stream() {
    let mut station = station(true).await;
    let mut case = open_case(&mut station.officer, 0, 0);
    let district = case_schema().field_named("district").unwrap().id;
    let change = case.changes.iter_mut().find(|change| change.field == district).unwrap();
    change.write = samanvay_sync::op::Write::Set(Value::Int(1)); // says 396
    officer_pushes(&mut station, &[case]).await;
    let text = json(&station).await;
    assert!(text.contains(r#""open_missing":{"394":1}"#), "{text}");
}

#[tokio::test]
async fn correction_that_comes_before_its_record_counts_once_the_record_has_come() {
    let mut station = station(false).await;
    let first = station.officer.op(RecordId([1; 16]), &session_schema(), &tallies(400, 9));
    let corrected = correction(&mut station.officer, 1, first.id, 40);
    officer_pushes(&mut station, &[corrected]).await;
    assert!(json(&station).await.contains(r#""sessions_total":0"#));
    station.hub.clock.pass(60_000);
    officer_pushes(&mut station, &[first]).await;
    let text = json(&station).await;
    assert!(text.contains(r#""10_13":{"f":40}"#), "{text}");
}

#[tokio::test]
async fn numbers_of_the_page_are_kept_for_some_seconds() {
    let mut station = with_open_facts(0, false).await;
    let before = json(&station).await;
    let op = station.officer.op(RecordId([3; 16]), &session_schema(), &tallies(30, 6));
    officer_pushes(&mut station, &[op]).await;
    assert_eq!(json(&station).await, before, "readers do not make the hub add up again");
    station.hub.clock.pass(10_000);
    assert!(json(&station).await.contains(r#""sessions_total":3"#));
}
