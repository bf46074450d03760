//! The outbox file under torn writes, flipped bits, lost records and hostile bytes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Cursor;

use proptest::prelude::*;
use samanvay_vault::outbox::{FileId, Position, scan};
use samanvay_vault::report::Damage;
use samanvay_vault::{Secret, VaultError};
use support::*;

const LOG: &str = "outbox-00000001.log";
const HEADER: usize = 80;

/// A profile with saves, and where each record begins and the last one ends.
fn saved(saves: &[&str]) -> (Bench, Vec<usize>) {
    let bench = Bench::new();
    let vault = bench.create();
    let mut edges = vec![length(&bench)];
    for place in saves {
        save(&vault, place).unwrap();
        edges.push(length(&bench));
    }
    assert_eq!(edges[0], HEADER);
    (bench, edges)
}

fn length(bench: &Bench) -> usize {
    usize::try_from(fs::metadata(bench.path(LOG)).unwrap().len()).unwrap()
}

fn cut(bench: &Bench, at: usize) {
    let bytes = fs::read(bench.path(LOG)).unwrap();
    fs::write(bench.path(LOG), &bytes[..at]).unwrap();
}

#[test]
fn a_last_record_torn_at_any_length_is_cut_and_kept_aside_and_saves_go_on() {
    let (bench, edges) = saved(&["बैतूल", "मुलताई"]);
    let bytes = fs::read(bench.path(LOG)).unwrap();
    let (start, end) = (edges[1], edges[2]);
    for at in start + 1..end {
        let state = bench.snapshot();
        cut(&state, at);
        let vault = state.open();
        let report = vault.outbox_report();
        assert_eq!((report.records, report.torn_bytes), (1, (at - start) as u64), "cut at {at}");
        assert!(report.damage.is_empty());
        assert_eq!(fs::read(state.path(report.torn_file.as_ref().unwrap())).unwrap(), bytes[start..at]);
        assert_eq!((length(&state), outbox_places(&vault)), (start, vec!["बैतूल".to_owned()]));
        if at % 37 == 0 {
            // The database had the save; its index is not used again.
            assert_eq!(vault.unlock(PIN).unwrap().outbox_lost, 1);
            save(&vault, "आमला").unwrap();
            let last = vault.outbox_entries(Position(1)).unwrap().next().unwrap().unwrap();
            assert_eq!(last.position, Position(2));
            assert_eq!(places(&vault), ["बैतूल", "मुलताई", "आमला"]);
        }
    }
}

#[test]
fn a_header_torn_at_any_length_is_made_again() {
    let (bench, _) = saved(&[]);
    for at in 0..HEADER {
        let state = bench.snapshot();
        cut(&state, at);
        let vault = state.open();
        assert_eq!(vault.outbox_report().torn_bytes, at as u64);
        let _ = vault.unlock(PIN).unwrap();
        save(&vault, "बैतूल").unwrap();
        drop(vault);
        let vault = state.open();
        assert_eq!((vault.outbox_report().records, vault.outbox_report().torn_bytes), (1, 0));
    }
}

#[test]
fn a_flipped_bit_anywhere_in_the_middle_is_reported_and_loses_that_record_only() {
    let (bench, edges) = saved(&["बैतूल", "मुलताई", "आमला"]);
    let (start, end) = (edges[1], edges[2]);
    for at in start..end {
        let state = bench.snapshot();
        flip(&state.path(LOG), at);
        let vault = state.open();
        let report = vault.outbox_report();
        let expected = Damage { offset: start as u64, bytes: (end - start) as u64, records_lost: 1 };
        assert_eq!(
            (report.records, report.torn_bytes, report.damage.as_slice()),
            (2, 0, [expected].as_slice()),
            "{at}"
        );
        assert_eq!(outbox_places(&vault), ["बैतूल", "आमला"]);
    }
    let state = bench.snapshot();
    flip(&state.path(LOG), start + 70);
    let vault = state.open();
    assert_eq!(vault.unlock(PIN).unwrap().pending, 0);
    save(&vault, "शाहपुर").unwrap();
    let report = vault.rebuild(apply).unwrap();
    assert_eq!((report.restored_records, report.lost_records), (3, 1));
    assert_eq!(places(&vault), ["बैतूल", "आमला", "शाहपुर"]);
    assert_eq!(fs::read(state.path(LOG)).unwrap()[..end], {
        let mut original = fs::read(bench.path(LOG)).unwrap()[..end].to_vec();
        original[start + 70] ^= 0x10;
        original
    });
}

#[test]
fn a_record_that_vanished_without_a_trace_is_reported() {
    let (bench, edges) = saved(&["बैतूल", "मुलताई", "आमला"]);
    let bytes = fs::read(bench.path(LOG)).unwrap();
    fs::write(bench.path(LOG), [&bytes[..edges[1]], &bytes[edges[2]..]].concat()).unwrap();
    let vault = bench.open();
    let expected = Damage { offset: edges[1] as u64, bytes: 0, records_lost: 1 };
    assert_eq!(vault.outbox_report().damage, [expected]);
    assert_eq!(outbox_places(&vault), ["बैतूल", "आमला"]);
}

#[test]
fn records_do_not_move_between_places_or_profiles() {
    let (bench, edges) = saved(&["बैतूल", "मुलताई", "आमला"]);
    let bytes = fs::read(bench.path(LOG)).unwrap();
    let (first, second) = (&bytes[edges[0]..edges[1]], &bytes[edges[1]..edges[2]]);
    // An old record again, and two exchanged: the older one is never taken after the newer one.
    fs::write(bench.path(LOG), [&bytes[..edges[0]], second, first, &bytes[edges[2]..]].concat()).unwrap();
    let vault = bench.open();
    assert_eq!(outbox_places(&vault), ["मुलताई", "आमला"]);
    assert_eq!(vault.outbox_report().damage.iter().map(|d| d.records_lost).sum::<u64>(), 1);
    drop(vault);
    let (other, _) = saved(&["शाहपुर"]);
    let foreign = fs::read(other.path(LOG)).unwrap();
    fs::write(bench.path(LOG), foreign).unwrap();
    let vault = bench.open();
    assert_eq!((vault.outbox_report().records, outbox_places(&vault).len()), (0, 0));
    assert!(vault.outbox_report().torn_bytes > 0);
    assert_eq!(vault.unlock(PIN).unwrap().outbox_lost, 3);
}

#[test]
fn a_damaged_header_hides_no_record() {
    let (bench, _) = saved(&["बैतूल", "मुलताई"]);
    for at in 0..HEADER {
        let state = bench.snapshot();
        flip(&state.path(LOG), at);
        let vault = state.open();
        assert_eq!(outbox_places(&vault), ["बैतूल", "मुलताई"], "{at}");
        assert_eq!(vault.outbox_report().damage, [Damage { offset: 0, bytes: 80, records_lost: 0 }]);
    }
}

#[test]
fn a_missing_outbox_is_made_anew_and_reported() {
    let (bench, _) = saved(&["बैतूल", "मुलताई"]);
    fs::remove_file(bench.path(LOG)).unwrap();
    let vault = bench.open();
    assert!(vault.outbox_report().missing);
    assert_eq!(vault.unlock(PIN).unwrap().outbox_lost, 2);
    save(&vault, "आमला").unwrap();
    drop(vault);
    let vault = bench.open();
    assert!(!vault.outbox_report().missing);
    let report = vault.unlock(PIN).unwrap();
    assert_eq!((report.pending, report.outbox_lost), (0, 0));
    assert_eq!(places(&vault), ["बैतूल", "मुलताई", "आमला"]);
    assert_eq!(vault.outbox_report().damage, [Damage { offset: 80, bytes: 0, records_lost: 2 }]);
}

#[test]
fn a_file_of_a_newer_app_is_refused_untouched() {
    let (bench, _) = saved(&["बैतूल"]);
    let mut bytes = fs::read(bench.path(LOG)).unwrap();
    bytes[8] = 2;
    let check = ring::digest::digest(&ring::digest::SHA256, &bytes[..72]);
    bytes[72..80].copy_from_slice(&check.as_ref()[..8]);
    fs::write(bench.path(LOG), &bytes).unwrap();
    assert!(matches!(bench.try_open(), Err(VaultError::NewerSchema { found: 2, supported: 1 })));
    assert_eq!(fs::read(bench.path(LOG)).unwrap(), bytes);
}

const ID: FileId = FileId { profile: [3; 16], number: 1 };

fn markers(bytes: &mut [u8], at: &[usize]) {
    for at in at {
        let head = [b"smvR".as_slice(), &[1, 1, 0, 0], &[0; 8], &64_u32.to_le_bytes()].concat();
        if let Some(place) = bytes.get_mut(*at..*at + head.len()) {
            place.copy_from_slice(&head);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_hold_no_record_and_all_are_accounted_for(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..5000),
        at in proptest::collection::vec(0_usize..5000, 0..20),
    ) {
        markers(&mut bytes, &at);
        let found = scan(Cursor::new(&bytes), &ID, &Secret::new([5; 32])).unwrap();
        prop_assert_eq!(found.records(), 0);
        prop_assert_eq!(found.end.min(bytes.len() as u64) + found.tail, bytes.len() as u64);
    }
}

proptest! {
    // Each case makes a profile.
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_file_with_random_damage_gives_good_records_in_order_and_accounts_for_the_rest(
        damage in proptest::collection::vec((80_usize..1200, any::<u8>()), 1..12),
        end in 80_usize..1200,
    ) {
        let (bench, edges) = saved(&["बैतूल", "मुलताई", "आमला", "भैंसदेही", "शाहपुर"]);
        let mut bytes = fs::read(bench.path(LOG)).unwrap();
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(end);
        fs::write(bench.path(LOG), &bytes).unwrap();
        let vault = bench.open();
        let report = vault.outbox_report();
        let positions: Vec<u64> = vault.outbox_entries(Position(0)).unwrap().map(|r| r.unwrap().position.0).collect();
        prop_assert!(positions.windows(2).all(|two| two[0] < two[1]));
        let good: usize = positions.iter().map(|p| usize::try_from(*p).unwrap()).map(|p| edges[p + 1] - edges[p]).sum();
        let bad: u64 = report.damage.iter().map(|d| d.bytes).sum();
        prop_assert_eq!(80 + good as u64 + bad + report.torn_bytes, bytes.len() as u64);
        let lost: u64 = report.damage.iter().map(|d| d.records_lost).sum();
        prop_assert_eq!(lost + positions.len() as u64, positions.last().map_or(0, |last| last + 1));
    }
}
