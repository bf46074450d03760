//! Saves, the outbox, replay and rebuild, migrations, pragmas, ring and state.

mod support;

use std::fs;

use samanvay_vault::error::{MigrationProblem, Part};
use samanvay_vault::outbox::Position;
use samanvay_vault::rusqlite::Connection;
use samanvay_vault::{Entry, Migration, Options, Vault, VaultError};
use support::*;

#[test]
fn a_save_is_in_the_database_and_in_the_outbox_after_it_returns() {
    let bench = Bench::new();
    let vault = bench.create();
    save(&vault, "बैतूल").unwrap();
    save(&vault, "मुलताई").unwrap();
    // What a power cut would leave now.
    let state = bench.snapshot();
    let opened = state.open();
    let report = opened.unlock(PIN).unwrap();
    assert_eq!((report.pending, report.outbox_lost), (0, 0));
    assert_eq!(places(&opened), ["बैतूल", "मुलताई"]);
    let records: Vec<_> = opened.outbox_entries(Position(1)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].position, &records[0].entries), (Position(1), &entries("मुलताई")));
}

#[test]
fn a_save_costs_one_sync_of_the_outbox_and_none_else_of_the_vaults_own() {
    let bench = Bench::new();
    let vault = bench.create();
    for place in ["बैतूल", "मुलताई", "आमला"] {
        let before = vault.sync_count();
        save(&vault, place).unwrap();
        assert_eq!(vault.sync_count() - before, 1);
    }
}

#[test]
fn a_save_whose_closure_fails_leaves_no_trace() {
    let bench = Bench::new();
    let vault = bench.create();
    save(&vault, "बैतूल").unwrap();
    let before = fs::read(bench.path("outbox-00000001.log")).unwrap();
    let refused = vault.save(&entries("आमला"), |tx| {
        insert(tx, "आमला")?;
        Err::<(), _>(VaultError::TooLarge)
    });
    assert!(matches!(refused, Err(VaultError::TooLarge)));
    assert_eq!(fs::read(bench.path("outbox-00000001.log")).unwrap(), before);
    assert_eq!(places(&vault), ["बैतूल"]);
    save(&vault, "मुलताई").unwrap();
    assert_eq!((places(&vault), outbox_places(&vault)), (vec_of(&["बैतूल", "मुलताई"]), vec_of(&["बैतूल", "मुलताई"])));
}

#[test]
fn a_save_whose_commit_fails_leaves_no_trace() {
    let bench = Bench::new();
    let vault = bench.create();
    let refused = vault.save(&entries("आमला"), |tx| {
        // A deferred constraint is judged by the commit alone, after the outbox has the record.
        tx.execute_batch(
            "CREATE TABLE visit (session INTEGER REFERENCES session (id) DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO visit VALUES (404);",
        )?;
        Ok::<_, VaultError>(())
    });
    assert!(matches!(refused, Err(VaultError::Database { .. })));
    assert!(outbox_places(&vault).is_empty());
    save(&vault, "मुलताई").unwrap();
    assert_eq!((places(&vault), outbox_places(&vault)), (vec_of(&["मुलताई"]), vec_of(&["मुलताई"])));
}

#[test]
fn a_full_database_says_so_and_leaves_no_trace() {
    let bench = Bench::new();
    let vault = bench.create();
    let refused = vault.save(&entries("आमला"), |tx| {
        tx.execute_batch("PRAGMA max_page_count = 1")?;
        insert(tx, &"क".repeat(100_000))
    });
    assert!(refused.unwrap_err().is_disk_full());
    assert!(places(&vault).is_empty() && outbox_places(&vault).is_empty());
    vault.write(|tx| tx.execute_batch("PRAGMA max_page_count = 1000000").map_err(VaultError::from)).unwrap();
    save(&vault, "मुलताई").unwrap();
    assert_eq!((places(&vault), outbox_places(&vault)), (vec_of(&["मुलताई"]), vec_of(&["मुलताई"])));
}

#[test]
fn a_closure_may_panic_and_the_vault_goes_on() {
    let bench = Bench::new();
    let vault = bench.create();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        vault.save(&entries("आमला"), |tx| {
            insert(tx, "आमला")?;
            let empty: &[u8] = &[];
            Ok::<_, VaultError>(empty[usize::try_from(tx.last_insert_rowid()).unwrap()])
        })
    }));
    assert!(panicked.is_err());
    save(&vault, "मुलताई").unwrap();
    assert_eq!((places(&vault), outbox_places(&vault)), (vec_of(&["मुलताई"]), vec_of(&["मुलताई"])));
}

#[test]
fn entries_over_the_caps_are_refused_and_nothing_is_kept() {
    let bench = Bench::new();
    let vault = bench.create();
    for too_much in [vec![Entry::new(1, vec![0; 4 << 20])], vec![Entry::new(1, Vec::new()); 4097]] {
        assert!(matches!(vault.save(&too_much, |tx| insert(tx, "आमला")), Err(VaultError::TooLarge)));
    }
    assert_eq!((places(&vault).len(), outbox_places(&vault).len()), (0, 0));
    vault.save(&[Entry::new(1, vec![7; 4_000_000])], |tx| insert(tx, "आमला")).unwrap();
    vault.save(&vec![Entry::new(1, Vec::new()); 4096], |tx| insert(tx, "आमला")).unwrap();
}

#[test]
fn entries_may_be_made_inside_the_transaction() {
    let bench = Bench::new();
    let vault = bench.create();
    let number = vault
        .save_with(|tx| {
            insert(tx, "आमला")?;
            let number = tx.last_insert_rowid();
            Ok::<_, VaultError>((number, vec![Entry::new(1, number.to_string().into_bytes())]))
        })
        .unwrap();
    assert_eq!(outbox_places(&vault), [number.to_string()]);
    vault.save_with(|_| Ok::<_, VaultError>(((), Vec::new()))).unwrap();
    assert_eq!(outbox_places(&vault).len(), 1);
}

#[test]
fn saves_of_several_threads_are_all_kept_and_a_reader_sees_whole_ones() {
    let bench = Bench::new();
    let vault = bench.create();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let vault = &vault;
            scope.spawn(move || {
                for n in 0..10 {
                    save(vault, &format!("गाँव {thread}-{n}")).unwrap();
                    let seen = places(vault).len();
                    assert!(seen <= outbox_places(vault).len());
                }
            });
        }
    });
    assert_eq!(places(&vault), outbox_places(&vault));
    assert_eq!(places(&vault).len(), 40);
}

#[test]
fn a_reader_cannot_write() {
    let bench = Bench::new();
    let vault = bench.create();
    let refused =
        vault.read(|c| c.execute("INSERT INTO session (place) VALUES ('आमला')", []).map_err(VaultError::from));
    assert!(matches!(refused, Err(VaultError::Database { .. })));
    assert!(places(&vault).is_empty());
}

#[test]
fn every_connection_has_the_settings_that_keep_saves() {
    let bench = Bench::new();
    let vault = bench.create();
    let pragma = |c: &Connection, name: &str| -> String {
        c.pragma_query_value(None, name, |row| {
            row.get_ref(0)?.as_str().map(str::to_owned).or_else(|_| Ok(row.get::<_, i64>(0)?.to_string()))
        })
        .unwrap()
    };
    let expected = |c: &Connection, query_only: &str| {
        for (name, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("temp_store", "2"),
            ("cache_size", "-16384"),
            ("cipher_memory_security", "0"),
            ("query_only", query_only),
        ] {
            assert_eq!(pragma(c, name), value, "{name}");
        }
        Ok::<_, VaultError>(())
    };
    vault.write(|tx| expected(tx, "0")).unwrap();
    vault.read(|c| expected(c, "1")).unwrap();
}

#[test]
fn pending_saves_are_replayed_in_order_and_no_save_overtakes_them() {
    let bench = Bench::new();
    let vault = bench.create();
    save(&vault, "बैतूल").unwrap();
    vault.lock();
    let database = fs::read(bench.path("vault.db")).unwrap();
    let _ = vault.unlock(PIN).unwrap();
    for place in ["मुलताई", "आमला", "भैंसदेही"] {
        save(&vault, place).unwrap();
    }
    drop(vault);
    // The database as it was before the three.
    fs::write(bench.path("vault.db"), database).unwrap();
    let vault = bench.open();
    assert_eq!(vault.unlock(PIN).unwrap().pending, 3);
    assert!(matches!(save(&vault, "शाहपुर"), Err(VaultError::ReplayNeeded)));

    let mut seen = Vec::new();
    let stopped = vault.replay(|tx, position, entries| {
        seen.push(position.0);
        if position == Position(2) {
            return Err(VaultError::TooLarge);
        }
        apply(tx, position, entries)
    });
    assert!(matches!(stopped, Err(VaultError::TooLarge)));
    assert_eq!((seen, vault.pending().unwrap()), (vec![1, 2], 2));
    assert_eq!(vault.replay(apply).unwrap(), 2);
    assert_eq!(vault.replay(apply).unwrap(), 0);
    save(&vault, "शाहपुर").unwrap();
    assert_eq!(places(&vault), ["बैतूल", "मुलताई", "आमला", "भैंसदेही", "शाहपुर"]);
}

#[test]
fn a_lost_or_damaged_database_is_rebuilt_from_the_outbox() {
    let bench = Bench::new();
    let vault = bench.create();
    let all: Vec<String> = (0..300).map(|n| format!("ग्राम पंचायत {n}")).collect();
    for place in &all {
        save(&vault, place).unwrap();
    }
    vault.ring_put("log-1", b"epochs").unwrap();
    drop(vault);
    let length = fs::metadata(bench.path("vault.db")).unwrap().len();
    let overwrite = |path: std::path::PathBuf, bytes: &[u8]| fs::write(path, bytes).unwrap();
    let damages: [(&str, &dyn Fn(std::path::PathBuf)); 4] = [
        ("missing", &|path| fs::remove_file(path).unwrap()),
        ("empty", &|path| overwrite(path, b"")),
        ("rubbish", &|path| overwrite(path, &vec![0xA5; usize::try_from(length).unwrap()])),
        ("first page", &|path| flip(&path, 100)),
    ];
    for (name, damage) in damages {
        let state = bench.snapshot();
        damage(state.path("vault.db"));
        let vault = state.open();
        assert!(matches!(vault.unlock(PIN), Err(VaultError::Damaged(Part::Database))), "{name}");
        assert!(!vault.is_unlocked());
        assert!(matches!(save(&vault, "आमला"), Err(VaultError::Damaged(Part::Database))));
        assert_eq!(vault.ring_get("log-1").unwrap().unwrap().as_slice(), b"epochs", "the ring needs no database");
        let report = vault.rebuild(apply).unwrap();
        assert_eq!((report.restored_records, report.lost_records), (300, 0), "{name}");
        assert_eq!(report.set_aside.is_empty(), name == "missing");
        assert!(vault.is_unlocked());
        assert_eq!(places(&vault), all, "{name}");
        save(&vault, "आमला").unwrap();
        drop(vault);
        let vault = state.open();
        assert_eq!(vault.unlock(PIN).unwrap().pending, 0);
        assert_eq!(places(&vault).len(), 301);
    }
}

#[test]
#[cfg_attr(feature = "canary-unsealed", ignore = "pages have no MAC without a key")]
fn a_damaged_page_is_found_by_a_checkpoint_and_rebuilt() {
    let bench = Bench::new();
    let vault = bench.create();
    let all: Vec<String> = (0..200).map(|n| format!("आँगनवाड़ी {n} {}", "क".repeat(200))).collect();
    for place in &all {
        save(&vault, place).unwrap();
    }
    vault.checkpoint().unwrap();
    vault.lock();
    let pages = fs::metadata(bench.path("vault.db")).unwrap().len() / 4096;
    flip(&bench.path("vault.db"), usize::try_from((pages - 2) * 4096 + 1000).unwrap());
    let _ = vault.unlock(PIN).unwrap();
    assert!(matches!(vault.checkpoint(), Err(VaultError::Damaged(Part::Database))));
    let read = vault.read(|c| {
        c.query_row("SELECT sum(length(place)) FROM session", [], |r| r.get::<_, i64>(0)).map_err(VaultError::from)
    });
    assert!(matches!(read, Err(VaultError::Damaged(Part::Database))), "{read:?}");
    assert_eq!(vault.rebuild(apply).unwrap().restored_records, 200);
    assert_eq!(places(&vault), all);
    vault.checkpoint().unwrap();
}

#[test]
fn saves_that_a_damaged_write_ahead_log_swallowed_come_back() {
    let bench = Bench::new();
    let vault = bench.create();
    let all: Vec<String> = (0..12).map(|n| format!("वार्ड {n}")).collect();
    for place in &all {
        save(&vault, place).unwrap();
    }
    let log = fs::read(bench.path("vault.db-wal")).unwrap();
    let frames = (log.len() - 32) / (24 + 4096);
    assert!(frames >= 12);
    let mut lost_somewhere = 0;
    for frame in 0..frames {
        let state = bench.snapshot();
        fs::remove_file(state.path("vault.db-shm")).ok();
        flip(&state.path("vault.db-wal"), 32 + frame * (24 + 4096) + 500);
        let vault = state.open();
        match vault.unlock(PIN) {
            Ok(report) => {
                lost_somewhere += report.pending;
                assert_eq!(vault.replay(apply).unwrap(), report.pending);
            }
            Err(VaultError::Damaged(Part::Database)) => {
                assert_eq!(vault.rebuild(apply).unwrap().restored_records, 12);
            }
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(places(&vault), all, "frame {frame}");
    }
    assert!(lost_somewhere > 0, "the damage must have hidden saves from SQLite");
    let state = bench.snapshot();
    fs::remove_file(state.path("vault.db-wal")).unwrap();
    fs::remove_file(state.path("vault.db-shm")).ok();
    let vault = state.open();
    match vault.unlock(PIN) {
        Ok(_) => drop(vault.replay(apply).unwrap()),
        Err(_) => drop(vault.rebuild(apply).unwrap()),
    }
    assert_eq!(places(&vault), all);
}

#[test]
fn migrations_run_once_and_in_order_and_a_newer_file_is_refused_untouched() {
    const SECOND: Migration =
        Migration { number: 2, name: "girls", sql: "ALTER TABLE session ADD COLUMN girls INTEGER" };
    const BROKEN: Migration =
        Migration { number: 3, name: "broken", sql: "CREATE TABLE t (x); INSERT INTO nowhere VALUES (1)" };
    let with = |migrations: &[Migration]| Options { migrations: migrations.to_vec(), ..options() };
    let unlock = |bench: &Bench, migrations: &[Migration]| {
        let vault = Vault::open(&bench.dir(), bench.store.clone(), with(migrations)).unwrap();
        vault.unlock(PIN).map(|report| (vault, report.migrated))
    };
    let problem = |bench: &Bench, migrations: &[Migration]| match unlock(bench, migrations) {
        Err(VaultError::Migration { number, problem }) => (number, problem),
        other => panic!("{other:?}"),
    };
    let bench = Bench::new();
    save(&bench.create(), "बैतूल").unwrap();
    let (vault, migrated) = unlock(&bench, &[SESSIONS, SECOND]).unwrap();
    assert_eq!((migrated, places(&vault)), (1, vec_of(&["बैतूल"])));
    drop(vault);
    assert_eq!(unlock(&bench, &[SESSIONS, SECOND]).unwrap().1, 0);

    let old = bench.open();
    assert!(matches!(old.unlock(PIN), Err(VaultError::NewerSchema { found: 2, supported: 1 })));
    assert!(!old.is_unlocked());
    drop(old);
    assert_eq!(problem(&bench, &[SESSIONS, SECOND, BROKEN]), (3, MigrationProblem::Failed));
    let changed = Migration { sql: "ALTER TABLE session ADD COLUMN boys INTEGER", ..SECOND };
    assert_eq!(problem(&bench, &[SESSIONS, changed]), (2, MigrationProblem::Changed));
    assert_eq!(problem(&bench, &[SECOND]), (2, MigrationProblem::OutOfOrder));
    assert_eq!(problem(&bench, &[SECOND, SESSIONS]), (1, MigrationProblem::OutOfOrder));
    let (vault, _) = unlock(&bench, &[SESSIONS, SECOND]).unwrap();
    let left: i64 = vault
        .read(|c| {
            c.query_row("SELECT count(*) FROM sqlite_master WHERE name = 't'", [], |r| r.get(0))
                .map_err(VaultError::from)
        })
        .unwrap();
    assert_eq!(left, 0, "a failed migration leaves nothing");
}

#[test]
fn ring_and_state_keep_values_under_names_that_the_folder_does_not_tell() {
    let bench = Bench::new();
    let vault = bench.create();
    vault.ring_put("log-5e1f", "सदस्यता".as_bytes()).unwrap();
    vault.ring_put("log-5e1f", "सदस्यता 2".as_bytes()).unwrap();
    vault.ring_put("epochs", &vec![9; 100_000]).unwrap();
    vault.state_put("hub", b"https://hub.example.in").unwrap();
    assert!(matches!(vault.state_put(&"क".repeat(86), b""), Err(VaultError::TooLarge)));
    assert!(matches!(vault.ring_put("big", &vec![0; (16 << 20) + 1]), Err(VaultError::TooLarge)));
    drop(vault);
    for file in bench.files() {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(!name.contains("5e1f") && !name.contains("hub"), "{name}");
    }
    let vault = bench.open();
    assert_eq!(vault.state_get("hub").unwrap().unwrap().as_slice(), b"https://hub.example.in");
    assert!(vault.state_get("no such").unwrap().is_none());
    let _ = vault.unlock(PIN).unwrap();
    assert_eq!(vault.ring_names().unwrap(), ["epochs", "log-5e1f"]);
    assert_eq!(vault.ring_get("log-5e1f").unwrap().unwrap().as_slice(), "सदस्यता 2".as_bytes());
    vault.ring_remove("epochs").unwrap();
    vault.state_remove("hub").unwrap();
    assert_eq!(vault.ring_names().unwrap(), ["log-5e1f"]);
    assert!(vault.state_get("hub").unwrap().is_none());
}

#[test]
fn a_damaged_or_exchanged_ring_file_is_refused() {
    let bench = Bench::new();
    let vault = bench.create();
    vault.ring_put("a", b"first").unwrap();
    let first = fs::read_dir(bench.path("ring")).unwrap().next().unwrap().unwrap().path();
    vault.ring_put("b", b"second").unwrap();
    let second = fs::read_dir(bench.path("ring")).unwrap().map(|e| e.unwrap().path()).find(|p| *p != first).unwrap();
    fs::copy(&second, &first).unwrap();
    assert!(matches!(vault.ring_get("a"), Err(VaultError::Damaged(Part::Ring))));
    flip(&second, 20);
    assert!(matches!(vault.ring_get("b"), Err(VaultError::Damaged(Part::Ring))));
    vault.ring_put("a", b"again").unwrap();
    assert_eq!(vault.ring_get("a").unwrap().unwrap().as_slice(), b"again");
    flip(&first, 0);
    assert_eq!(vault.ring_get("a").unwrap().unwrap().as_slice(), b"again", "what opens is whole");
}

#[test]
fn a_ring_file_that_cannot_be_read_is_moved_aside_and_the_others_are_named() {
    let bench = Bench::new();
    let vault = bench.create();
    vault.ring_put("log-1", b"first").unwrap();
    let first = fs::read_dir(bench.path("ring")).unwrap().next().unwrap().unwrap().path();
    vault.ring_put("log-2", b"second").unwrap();
    fs::write(bench.path("ring/Thumbs.db"), b"left by something else").unwrap();
    flip(&first, 20);
    assert_eq!(vault.ring_names().unwrap(), ["log-2"]);
    assert!(!first.exists() && first.with_extension("damaged-1").exists());
    assert!(vault.ring_get("log-1").unwrap().is_none());
    vault.ring_put("log-1", b"again").unwrap();
    assert_eq!(vault.ring_names().unwrap(), ["log-1", "log-2"]);
}

#[test]
fn no_file_of_a_profile_holds_a_callers_byte_in_clear() {
    let marker = "रुखसाना-देशमुख-कैनरी";
    let bench = Bench::new();
    let vault = bench.create();
    save(&vault, marker).unwrap();
    vault.ring_put(marker, marker.as_bytes()).unwrap();
    vault.state_put(marker, marker.as_bytes()).unwrap();
    vault.write(|tx| insert(tx, marker)).unwrap();
    let identity = vault.identity().unwrap();
    let utf16: Vec<u8> = marker.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex = format!("{:02x?}", marker.as_bytes()).replace(['[', ']', ',', ' '], "");
    let tag = vault.tag_key().unwrap();
    let content: [&[u8]; 4] = [marker.as_bytes(), &utf16, hex.as_bytes(), b"CREATE TABLE"];
    let secrets: [&[u8]; 3] = [identity.ed25519_seed.as_bytes(), identity.x25519_secret.as_bytes(), tag.as_bytes()];
    let holds = |bytes: &[u8], needles: &[&[u8]]| needles.iter().any(|n| bytes.windows(n.len()).any(|w| w == *n));
    for moment in ["unlocked", "locked"] {
        let files: Vec<_> = bench.files().into_iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(files.len() >= 12);
        assert!(!files.iter().any(|bytes| holds(bytes, &secrets)), "{moment}");
        let found = files.iter().filter(|bytes| holds(bytes, &content)).count();
        assert_eq!(found, 0, "{moment}");
        vault.lock();
    }
}

fn vec_of(places: &[&str]) -> Vec<String> {
    places.iter().map(ToString::to_string).collect()
}
