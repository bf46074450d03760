//! Once the counter-proof has stopped sealing, the search of `storage.rs` finds what it must not find otherwise.
#![cfg(feature = "canary-unsealed")]

mod support;

use std::fs;

use support::{Bench, insert, save};

#[test]
fn a_marker_shows_in_outbox_database_ring_and_state_when_sealing_was_stopped() {
    samanvay_vault::keystore::canary::stop_sealing();
    let marker = "रुखसाना-देशमुख-कैनरी";
    let bench = Bench::new();
    let vault = bench.create();
    save(&vault, marker).unwrap();
    vault.ring_put(marker, marker.as_bytes()).unwrap();
    vault.state_put(marker, marker.as_bytes()).unwrap();
    vault.write(|tx| insert(tx, marker)).unwrap();
    let holds = |bytes: &[u8]| bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
    let found = bench.files().into_iter().filter(|file| holds(&fs::read(file).unwrap())).count();
    assert!(found >= 4, "found in {found} files");
}
