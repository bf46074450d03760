//! PIN, slots, attempts, identity and transport keys, the lock, and what lies on disk.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::sync::Arc;

use samanvay_vault::error::{Part, PinProblem};
use samanvay_vault::keystore::{Hardware, KeyStoreError, KeyStoreProperties, TransportPublic};
use samanvay_vault::{KeyStore, Secret, SoftKeyStore, Vault, VaultError};
use support::*;

#[test]
fn the_right_pin_opens_and_a_wrong_one_says_how_many_tries_are_left() {
    let bench = Bench::new();
    drop(bench.create());
    let vault = bench.open();
    assert!(!vault.is_unlocked());
    assert!(matches!(vault.unlock(b"482958"), Err(VaultError::WrongPin { attempts_left: 9 })));
    assert!(!vault.is_unlocked());
    let report = vault.unlock("४८२९५७".as_bytes()).unwrap();
    assert_eq!((report.pending, report.outbox_lost, report.finished_pin_change), (0, 0, false));
    assert!(vault.is_unlocked());
    assert_eq!(vault.attempts_left(), 10);
}

#[test]
fn a_locked_vault_gives_nothing_that_comes_from_the_pin() {
    let bench = Bench::new();
    let vault = bench.create();
    save(&vault, "बैतूल").unwrap();
    vault.lock();
    assert!(matches!(vault.identity(), Err(VaultError::Locked)));
    assert!(matches!(vault.tag_key(), Err(VaultError::Locked)));
    assert!(matches!(vault.ring_get("log"), Err(VaultError::Locked)));
    assert!(matches!(save(&vault, "आमला"), Err(VaultError::Locked)));
    assert!(matches!(vault.read(|_| Ok(())), Err(VaultError::Locked)));
    assert!(matches!(vault.write(|_| Ok(())), Err(VaultError::Locked)));
    assert!(matches!(vault.checkpoint(), Err(VaultError::Locked)));
    assert!(matches!(vault.replay(apply), Err(VaultError::Locked)));
    assert!(matches!(vault.rebuild(apply), Err(VaultError::Locked)));
    assert_eq!(outbox_places(&vault), ["बैतूल"]);
    let _ = vault.unlock(PIN).unwrap();
    assert_eq!(places(&vault), ["बैतूल"]);
}

#[test]
fn ten_wrong_pins_lock_the_profile_out_for_the_right_pin_too_and_lose_nothing() {
    let bench = Bench::new();
    save(&bench.create(), "बैतूल").unwrap();
    for tried in 1..=10_u32 {
        // A new process each time: the count must come from the disk.
        let vault = bench.open();
        match vault.unlock(b"111213") {
            Err(VaultError::WrongPin { attempts_left }) => assert_eq!(attempts_left, 10 - tried),
            Err(VaultError::LockedOut) => assert_eq!(tried, 10),
            other => panic!("{other:?}"),
        }
    }
    let vault = bench.open();
    assert!(matches!(vault.unlock(PIN), Err(VaultError::LockedOut)));
    assert!(matches!(vault.change_pin(PIN, OTHER_PIN), Err(VaultError::LockedOut)));
    assert_eq!(outbox_places(&vault), ["बैतूल"]);
}

#[test]
fn what_cannot_be_a_pin_is_refused_without_costing_a_try() {
    let bench = Bench::new();
    let vault = bench.create();
    vault.lock();
    assert!(matches!(vault.unlock(b"48"), Err(VaultError::WeakPin(PinProblem::TooShort))));
    assert!(matches!(vault.unlock(b"48295x"), Err(VaultError::WeakPin(PinProblem::NotDigits))));
    assert_eq!(vault.attempts_left(), 10);
    assert!(matches!(vault.change_pin(PIN, b"123456"), Err(VaultError::WeakPin(PinProblem::Run))));
    assert!(matches!(
        Vault::create(&bench.path("second"), b"777777", bench.store.clone(), options()),
        Err(VaultError::WeakPin(PinProblem::AllSame))
    ));
}

#[test]
fn putting_an_old_attempts_file_back_gives_no_tries_back() {
    let bench = Bench::new();
    bench.create().lock();
    let fresh = fs::read(bench.path("attempts")).unwrap();
    for _ in 0..3 {
        let _ = bench.open().unlock(b"111213").unwrap_err();
    }
    fs::write(bench.path("attempts"), &fresh).unwrap();
    assert_eq!(bench.open().attempts_left(), 7);
    fs::remove_file(bench.path("attempts")).unwrap();
    assert_eq!(bench.open().attempts_left(), 5);
    let _ = bench.open().unlock(PIN).unwrap();
    assert_eq!(bench.open().attempts_left(), 10);
}

#[test]
fn a_torn_write_of_the_attempts_file_never_lowers_the_count() {
    let bench = Bench::new();
    bench.create().lock();
    for _ in 0..2 {
        let _ = bench.open().unlock(b"111213").unwrap_err();
    }
    let before = fs::read(bench.path("attempts")).unwrap();
    let _ = bench.open().unlock(b"111213").unwrap_err();
    let after = fs::read(bench.path("attempts")).unwrap();
    // The key store's mirror would hide the file's own count.
    let blind = BlindStore(SoftKeyStore::open(&bench.root().join("keys")).unwrap());
    let blind: Arc<dyn KeyStore> = Arc::new(blind);
    let changed: Vec<usize> = (0..before.len()).filter(|i| before[*i] != after[*i]).collect();
    let (first, last) = (changed[0], changed[changed.len() - 1]);
    for cut in first..=last {
        let torn = [&after[..cut], &before[cut..]].concat();
        fs::write(bench.path("attempts"), torn).unwrap();
        let left = Vault::open(&bench.dir(), blind.clone(), options()).unwrap().attempts_left();
        assert_eq!(left, 8, "cut at {cut}");
    }
}

#[test]
fn a_pin_change_cut_at_any_step_leaves_a_pin_that_opens_and_the_next_unlock_settles_it() {
    let bench = Bench::new();
    let vault = bench.create();
    save(&vault, "मुलताई").unwrap();
    drop(vault);
    let before = bench.snapshot();
    bench.open().change_pin(PIN, OTHER_PIN).unwrap();
    let after = bench.snapshot();

    // After step 1 both slots are there, and the old slot's store key too: take the new slot and its key into the old state.
    let between = || {
        let state = before.snapshot();
        fs::copy(after.path("slot-b"), state.path("slot-b")).unwrap();
        for key in after.files_named(".key") {
            fs::copy(&key, state.root().join("keys").join(key.file_name().unwrap())).unwrap();
        }
        state
    };
    // After step 2 the old slot is gone and its store key is not.
    let unerased = between();
    fs::remove_file(unerased.path("slot-a")).unwrap();

    for (state, opens, refused) in [(&before, PIN, OTHER_PIN), (&after, OTHER_PIN, PIN), (&unerased, OTHER_PIN, PIN)] {
        let vault = state.open();
        assert!(matches!(vault.unlock(refused), Err(VaultError::WrongPin { .. })));
        assert!(!vault.unlock(opens).unwrap().finished_pin_change);
        assert_eq!(places(&vault), ["मुलताई"]);
    }
    for (used, other) in [(PIN, OTHER_PIN), (OTHER_PIN, PIN)] {
        let state = between();
        let vault = state.open();
        assert!(vault.unlock(used).unwrap().finished_pin_change);
        assert_eq!(places(&vault), ["मुलताई"]);
        vault.lock();
        assert!(matches!(vault.unlock(other), Err(VaultError::WrongPin { .. })));
        assert!(!vault.unlock(used).unwrap().finished_pin_change);
        // And the PIN can be changed again from here.
        vault.change_pin(used, b"905143").unwrap();
        assert!(vault.unlock(used).is_err());
        let _ = vault.unlock(b"905143").unwrap();
    }
}

#[test]
fn a_copy_of_the_old_slot_opens_no_more_after_a_pin_change() {
    let bench = Bench::new();
    drop(bench.create());
    let old = fs::read(bench.path("slot-a")).unwrap();
    bench.open().change_pin(PIN, OTHER_PIN).unwrap();
    assert!(!bench.path("slot-a").exists());
    fs::write(bench.path("slot-a"), old).unwrap();
    let vault = bench.open();
    assert!(matches!(vault.unlock(PIN), Err(VaultError::WrongPin { .. })));
    let _ = vault.unlock(OTHER_PIN).unwrap();
}

#[test]
fn nothing_on_disk_opens_with_the_right_pin_and_another_key_store() {
    let bench = Bench::new();
    drop(bench.create());
    let elsewhere = Arc::new(SoftKeyStore::open(&bench.root().join("elsewhere")).unwrap());
    let opened = Vault::open(&bench.dir(), elsewhere, options());
    assert!(matches!(opened, Err(VaultError::KeyStore(KeyStoreError::KeyChanged))));
    // Nor was anything cut or set aside because of the wrong key.
    let _ = bench.open().unlock(PIN).unwrap();
    assert!(bench.files_named(".torn").is_empty());
}

#[test]
fn a_damaged_page_loses_no_key_file_and_two_are_reported() {
    let bench = Bench::new();
    let identity = bench.create().identity().unwrap().ed25519_public;
    for (file, part) in [
        ("profile", Part::Profile),
        ("device", Part::Device),
        ("slot-a", Part::Slot),
        ("identity", Part::Identity),
        ("transport", Part::Transport),
    ] {
        let state = bench.snapshot();
        flip(&state.path(file), 30);
        let vault = state.open();
        let _ = vault.unlock(PIN).unwrap();
        assert_eq!(vault.identity().unwrap().ed25519_public, identity);
        drop(vault);
        flip(&state.path(file), 4096 + 30);
        let error = state.try_open().and_then(|v| v.unlock(PIN).map(|_| ())).unwrap_err();
        assert!(matches!(error, VaultError::Damaged(found) if found == part), "{file}: {error:?}");
    }
}

#[test]
fn a_key_store_that_fails_costs_no_try() {
    let bench = Bench::new();
    drop(bench.create());
    let vault = Vault::open(&bench.dir(), Arc::new(Sulking::new(&bench)), options()).unwrap();
    assert!(matches!(vault.unlock(PIN), Err(VaultError::KeyStore(KeyStoreError::Unavailable))));
    assert_eq!(vault.attempts_left(), 10);
}

#[test]
fn a_profile_is_open_once_and_a_folder_without_one_is_refused() {
    let bench = Bench::new();
    assert!(matches!(bench.try_open(), Err(VaultError::NotAProfile)));
    let vault = bench.create();
    assert!(matches!(bench.try_open(), Err(VaultError::AlreadyOpen)));
    let again = Vault::create(&bench.dir(), PIN, bench.store.clone(), options());
    assert!(matches!(again, Err(VaultError::AlreadyOpen)));
    drop(vault);
    let again = Vault::create(&bench.dir(), PIN, bench.store.clone(), options());
    assert!(matches!(again, Err(VaultError::Disk(_))));
    let _ = bench.open().unlock(PIN).unwrap();
}

#[test]
fn a_profile_is_open_once_over_two_processes() {
    const CHILD: &str = "SAMANVAY_VAULT_TEST_CHILD";
    if let Some(dir) = std::env::var_os(CHILD) {
        let keys = std::path::Path::new(&dir).join("../keys");
        let store = Arc::new(SoftKeyStore::open(&keys).unwrap());
        assert!(matches!(Vault::open(std::path::Path::new(&dir), store, options()), Err(VaultError::AlreadyOpen)));
        return;
    }
    let bench = Bench::new();
    let vault = bench.create();
    let child = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_profile_is_open_once_over_two_processes"])
            .env(CHILD, bench.dir())
            .output()
            .unwrap()
    };
    assert!(child().status.success());
    drop(vault);
    assert!(!child().status.success(), "the child must notice that nobody holds the profile");
}

#[test]
fn a_creation_cut_short_leaves_no_profile_and_can_be_repeated() {
    let bench = Bench::new();
    drop(bench.create());
    fs::remove_file(bench.path("profile")).unwrap();
    assert!(matches!(bench.try_open(), Err(VaultError::NotAProfile)));
    let vault = bench.create();
    save(&vault, "भैंसदेही").unwrap();
    drop(vault);
    // With work in the outbox, a lost `profile` is no reason to start anew over it.
    fs::remove_file(bench.path("profile")).unwrap();
    let again = Vault::create(&bench.dir(), PIN, bench.store.clone(), options());
    assert!(matches!(again, Err(VaultError::Disk(_))));
}

#[test]
fn identity_and_transport_keys_stay_the_same_and_sign() {
    use samanvay_vault::keystore::TRANSPORT_ED25519;
    let bench = Bench::new();
    let vault = bench.create();
    let (identity, transport, tag) =
        (vault.identity().unwrap(), vault.transport_public().unwrap(), vault.tag_key().unwrap());
    drop(vault);
    let vault = bench.open();
    assert_eq!(vault.transport_public().unwrap(), transport);
    assert_eq!(transport.algorithm, TRANSPORT_ED25519);
    let signature = vault.sign_transport("अनुरोध".as_bytes()).unwrap();
    assert!(verifies(&transport.bytes, "अनुरोध".as_bytes(), &signature));
    assert!(!verifies(&identity.ed25519_public, "अनुरोध".as_bytes(), &signature));
    let _ = vault.unlock(PIN).unwrap();
    let again = vault.identity().unwrap();
    assert_eq!(again.ed25519_seed.as_bytes(), identity.ed25519_seed.as_bytes());
    assert_eq!(again.x25519_public, identity.x25519_public);
    assert_eq!(vault.tag_key().unwrap().as_bytes(), tag.as_bytes());
    assert_ne!(identity.ed25519_public, transport.bytes);
    let printed = format!("{:?} {:?} {:?}", vault, again, again.ed25519_seed);
    assert!(!printed.contains(&format!("{:?}", identity.ed25519_seed.as_bytes()).replace(['[', ']'], "")));
}

#[test]
fn a_key_store_that_signs_is_used_for_transport() {
    let bench = Bench::new();
    let store: Arc<dyn KeyStore> = Arc::new(Signing(SoftKeyStore::open(&bench.root().join("keys")).unwrap()));
    let vault = Vault::create(&bench.dir(), PIN, store.clone(), options()).unwrap();
    assert_eq!(vault.transport_public().unwrap().bytes, [7; 32]);
    assert_eq!(vault.sign_transport(b"x").unwrap(), b"by hardware");
    assert!(!bench.path("transport").exists());
    drop(vault);
    let vault = Vault::open(&bench.dir(), store, options()).unwrap();
    assert_eq!(vault.sign_transport(b"x").unwrap(), b"by hardware");
}

#[test]
fn one_key_store_serves_two_profiles_and_counts_their_tries_apart() {
    let bench = Bench::new();
    let first = bench.create();
    let second = Vault::create(&bench.path("second"), OTHER_PIN, bench.store.clone(), options()).unwrap();
    first.lock();
    assert!(first.unlock(OTHER_PIN).is_err());
    assert_eq!((first.attempts_left(), second.attempts_left()), (9, 10));
    second.change_pin(OTHER_PIN, b"905143").unwrap();
    let _ = first.unlock(PIN).unwrap();
    assert_ne!(first.identity().unwrap().ed25519_public, second.identity().unwrap().ed25519_public);
}

fn verifies(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    use ring::signature::{ED25519, UnparsedPublicKey};
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// Hands everything but what a double changes on to a software store.
macro_rules! delegate {
    ($name:ident; $($method:item)*) => {
        impl KeyStore for $name {
            $($method)*
            fn erase(&self, slot: &str) -> Result<(), KeyStoreError> { self.0.erase(slot) }
            fn set_counter(&self, slot: &str, value: u32) -> Result<(), KeyStoreError> { self.0.set_counter(slot, value) }
            fn confirm_user(&self, reason: &str) -> Result<bool, KeyStoreError> { self.0.confirm_user(reason) }
        }
    };
}

/// Forgets its counters.
struct BlindStore(SoftKeyStore);

delegate! { BlindStore;
    fn derive(&self, slot: &str, input: &[u8; 32]) -> Result<Secret, KeyStoreError> { self.0.derive(slot, input) }
    fn counter(&self, _: &str) -> Result<u32, KeyStoreError> { Ok(0) }
    fn sign_transport(&self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, KeyStoreError> { Ok(None) }
    fn transport_public(&self, _: &str) -> Result<Option<TransportPublic>, KeyStoreError> { Ok(None) }
    fn properties(&self) -> KeyStoreProperties { self.0.properties() }
}

/// Signs for transport, as hardware might.
struct Signing(SoftKeyStore);

delegate! { Signing;
    fn derive(&self, slot: &str, input: &[u8; 32]) -> Result<Secret, KeyStoreError> { self.0.derive(slot, input) }
    fn counter(&self, slot: &str) -> Result<u32, KeyStoreError> { self.0.counter(slot) }
    fn sign_transport(&self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, KeyStoreError> {
        Ok(Some(b"by hardware".to_vec()))
    }
    fn transport_public(&self, _: &str) -> Result<Option<TransportPublic>, KeyStoreError> {
        Ok(Some(TransportPublic { algorithm: 1, bytes: [7; 32] }))
    }
    fn properties(&self) -> KeyStoreProperties {
        KeyStoreProperties { name: "test".to_owned(), hardware: Hardware::Tee, signs_transport: true }
    }
}

/// Has its device key and refuses the PIN's.
struct Sulking(SoftKeyStore);

impl Sulking {
    fn new(bench: &Bench) -> Self {
        Self(SoftKeyStore::open(&bench.root().join("keys")).unwrap())
    }
}

delegate! { Sulking;
    fn derive(&self, slot: &str, input: &[u8; 32]) -> Result<Secret, KeyStoreError> {
        if slot.ends_with("/device") { self.0.derive(slot, input) } else { Err(KeyStoreError::Unavailable) }
    }
    fn counter(&self, slot: &str) -> Result<u32, KeyStoreError> { self.0.counter(slot) }
    fn sign_transport(&self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, KeyStoreError> { Ok(None) }
    fn transport_public(&self, _: &str) -> Result<Option<TransportPublic>, KeyStoreError> { Ok(None) }
    fn properties(&self) -> KeyStoreProperties { self.0.properties() }
}
