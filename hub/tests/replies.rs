//! What a reply brings, and when it asks to come again: rollbacks, logs that do not fit, streams that are not named.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, HashMap};

use common::{Ask, Device, Station, TestHub};
use samanvay_hub::Hub;
use samanvay_sync::id::{LogId, StreamId, UnitId};
use samanvay_sync::log::{Body, Entry, StreamLog, UnitLog};
use samanvay_sync::wire::{News, SyncReply};

fn positions(reply: &SyncReply) -> Vec<u64> {
    reply.news.iter().flat_map(|news| &news.segments).map(|(position, _)| *position).collect()
}

/// A phone's logs, as far as replies brought them.
struct Logs {
    authority: [u8; 32],
    units: BTreeMap<UnitId, UnitLog>,
    streams: HashMap<StreamId, StreamLog>,
}

impl Logs {
    fn new(authority: [u8; 32]) -> Self {
        Self { authority, units: BTreeMap::new(), streams: HashMap::new() }
    }

    fn take(&mut self, news: &[News]) {
        for entry in news.iter().flat_map(|news| &news.entries).map(|bytes| Entry::decode(bytes).unwrap()) {
            let (unit, stream) = (UnitId(entry.log().0), StreamId(entry.log().0));
            if matches!(entry.body(), Body::UnitGenesis { .. }) {
                self.units.entry(unit).or_insert_with(|| UnitLog::new(unit, self.authority));
            }
            if let Some(log) = self.units.get_mut(&unit) {
                log.append(&entry).unwrap();
            } else {
                let log = self.streams.entry(stream).or_insert_with(|| StreamLog::new(stream, self.authority));
                log.append(&entry, &self.units).unwrap();
            }
        }
    }

    /// Asks until nothing more is said; gives the number of rounds.
    async fn follow(&mut self, device: &mut Device, hub: &TestHub) -> usize {
        for round in 1..=20 {
            let asks: Vec<Ask> = self.streams.values().map(|log| Ask::pull(log.id(), 0, log.len())).collect();
            let reply = device.sync(hub, &asks).await.unwrap();
            self.take(&reply.news);
            if !reply.more {
                return round;
            }
        }
        panic!("more is said for ever");
    }
}

/// Adds posts with long names to the station's unit: so many times 60 KB of entries.
async fn fill_unit_log(station: &mut Station, posts: u8) {
    for nth in 0..posts {
        let name = format!("{nth} {}", "चौकी ".repeat(4600));
        station.admin.post(station.unit, &name);
    }
    station.publish().await;
}

#[tokio::test]
async fn hub_that_came_back_from_a_backup_gives_a_stream_anew() {
    let mut station = Station::new().await;
    let (own, log) = (station.own, station.log(station.own).len());
    let pushed: Vec<_> = (1..4).map(|nth| station.officer_writes(own, nth)).collect();
    station.officer.sync(&station.hub, &[Ask::push(own, log, pushed[..2].to_vec())]).await.unwrap();
    let backup = station.dir.path().join("backup.sqlite");
    let mut station =
        station.restart_after(|hub| assert!(std::fs::copy(hub.join("hub.sqlite"), &backup).is_ok())).await;
    station.officer.sync(&station.hub, &[Ask::push(own, log, pushed[2..].to_vec())]).await.unwrap();
    let mut station =
        station.restart_after(|hub| assert!(std::fs::copy(&backup, hub.join("hub.sqlite")).is_ok())).await;
    assert!(!station.hub.has_logged("rollback"));

    let reply = station.chief.sync(&station.hub, &[Ask::pull(own, 3, log)]).await.unwrap();
    assert_eq!((reply.receipt.streams[0].head, positions(&reply)), (2, vec![1, 2]));
    assert!(station.hub.has_logged(r#""event":"rollback""#));
    let reply = station.chief.sync(&station.hub, &[Ask::pull(own, 2, log)]).await.unwrap();
    assert_eq!((positions(&reply), reply.more), (vec![], false));
}

#[tokio::test]
async fn device_that_holds_a_longer_log_is_given_the_stream_anew_once() {
    let mut station = Station::new().await;
    let (own, log) = (station.own, station.log(station.own).len());
    let pushed: Vec<_> = (1..5).map(|nth| station.officer_writes(own, nth)).collect();
    let size = pushed[0].to_wire(&samanvay_sync::segment::Known::default()).unwrap().len() as u64;
    station.officer.sync(&station.hub, &[Ask::push(own, log, pushed)]).await.unwrap();
    let mut seen = Vec::new();
    let mut rounds = Vec::new();
    for _ in 0..4 {
        // The cursor stands where it stood before the hub came back: positions mean something else by now.
        let (mut request, _, _) = station.chief.request(&[Ask::pull(own, 3, log + 1)]);
        request.budget = 2 * size;
        let bytes = station.hub.client.sync(station.chief.sign(&request)).await.unwrap();
        let reply = SyncReply::decode(&bytes, &request, &[], &station.hub.running.public().hub_public).unwrap();
        seen.push(positions(&reply));
        rounds.push(reply.more);
    }
    assert_eq!(seen, [vec![1, 2], vec![3, 4], vec![4], vec![4]], "then only what its cursor asks for");
    assert_eq!(rounds, [true, false, false, false]);
    let alarms = station.hub.lines.0.lock().unwrap().iter().filter(|line| line.contains("rollback")).count();
    assert_eq!(alarms, 1);
}

#[tokio::test]
async fn restored_hub_draws_a_new_incarnation() {
    let mut station = Station::new().await;
    let before = station.officer.sync(&station.hub, &[]).await.unwrap().receipt.incarnation;
    let mut station = station.restart_after(|hub| Hub::restored(hub).unwrap()).await;
    let after = station.officer.sync(&station.hub, &[]).await.unwrap().receipt.incarnation;
    assert_ne!(before, after);
    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(Hub::restored(nowhere.path()).unwrap_err().exit_code(), 6);
    assert!(!nowhere.path().join("hub.sqlite").exists());
}

#[tokio::test]
async fn unit_log_larger_than_a_reply_comes_in_parts_before_the_entry_that_needs_it() {
    let mut station = Station::new().await;
    let (own, before) = (station.own, station.log(station.own).len());
    let mut logs = Logs::new(station.admin.authority.public());
    logs.follow(&mut station.chief, &station.hub).await;
    fill_unit_log(&mut station, 72).await;
    station.admin.unit_at(own, station.unit);
    station.publish().await;
    let unit = LogId::from(station.unit);
    let mut lost = 0;
    loop {
        let reply = station.chief.sync(&station.hub, &[Ask::pull(own, 0, before)]).await.unwrap();
        let news = reply.news.iter().find(|news| news.stream == own).unwrap();
        assert!(reply.more);
        if news.entries.iter().any(|bytes| Entry::decode(bytes).unwrap().log() != unit) {
            break;
        }
        lost += 1;
    }
    assert!(lost >= 4, "the unit's entries went ahead");
    // All those replies were lost: the log is still `before` entries long, and everything comes once more.
    let rounds = logs.follow(&mut station.chief, &station.hub).await;
    assert!((4..=8).contains(&rounds), "{rounds} rounds for 4.3 MB");
    assert_eq!(logs.streams[&own].head(), station.log(own).head());

    // Who knows nothing yet gets there as well.
    let mut logs = Logs::new(station.admin.authority.public());
    logs.follow(&mut station.officer, &station.hub).await;
    assert_eq!(logs.streams.len(), 3);
    assert_eq!(logs.streams[&own].head(), station.log(own).head());
}

#[tokio::test]
async fn stream_left_out_of_a_request_never_asks_for_more() {
    let mut station = Station::new().await;
    fill_unit_log(&mut station, 20).await;
    station.admin.unit_at(station.own, station.unit);
    station.publish().await;
    let (roll_up, log) = (station.roll_up, station.log(station.roll_up).len());
    let reply = station.chief.sync(&station.hub, &[Ask::pull(roll_up, 0, log)]).await.unwrap();
    assert!(!reply.more, "it would be said again at every request that leaves the stream out");
    let times = reply.news.iter().filter(|news| news.stream == station.own).count();
    assert_eq!(times, 1, "and yet it is announced");
}

#[tokio::test]
async fn budget_of_nothing_still_gets_a_segment() {
    let mut station = Station::new().await;
    let (own, log) = (station.own, station.log(station.own).len());
    let pushed: Vec<_> = (1..3).map(|nth| station.officer_writes(own, nth)).collect();
    station.officer.sync(&station.hub, &[Ask::push(own, log, pushed)]).await.unwrap();
    let (mut request, _, _) = station.chief.request(&[Ask::pull(own, 0, log)]);
    request.budget = 0;
    let bytes = station.hub.client.sync(station.chief.sign(&request)).await.unwrap();
    let reply = SyncReply::decode(&bytes, &request, &[], &station.hub.running.public().hub_public).unwrap();
    assert_eq!((positions(&reply), reply.more), (vec![1], true), "more without getting further would never end");
}
