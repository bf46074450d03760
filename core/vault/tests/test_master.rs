//! Opening with a given master key, for fault laboratories.
#![cfg(feature = "test-master")]

mod support;

use samanvay_vault::error::Part;
use samanvay_vault::{Secret, Vault, VaultError};
use support::*;

#[test]
fn a_given_master_key_opens_without_the_pin_and_another_one_does_not() {
    let bench = Bench::new();
    let master = Secret::new([0x42; 32]);
    let vault = Vault::create_with_master(&bench.dir(), PIN, bench.store.clone(), options(), &master).unwrap();
    save(&vault, "बैतूल").unwrap();
    drop(vault);
    let vault = bench.open();
    let wrong = vault.unlock_with_master(&Secret::new([0x43; 32]));
    assert!(matches!(wrong, Err(VaultError::Damaged(Part::Identity))));
    let _ = vault.unlock_with_master(&master).unwrap();
    assert_eq!(places(&vault), ["बैतूल"]);
    vault.lock();
    let _ = vault.unlock(PIN).unwrap();
}
