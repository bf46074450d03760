//! Key files: what an authority or an admin keeps off phones and hubs.

use std::fs;

use samanvay_vault::KdfParams;
use samanvay_vault::keystore::{KEY_FILE_MAGIC, KeyFile, KeyFileError};

const PASSPHRASE: &str = "सात नीले मोर और नदी";
const CHEAP: KdfParams = KdfParams::WEAK_FOR_TESTS;

#[test]
fn a_key_file_gives_back_its_body_to_its_passphrase_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("betul.key");
    let file = KeyFile::create(&path, "admin", PASSPHRASE, CHEAP, b"seed").unwrap();
    assert_eq!(KeyFile::open(&path, "admin", PASSPHRASE).unwrap().1.as_slice(), b"seed");
    file.replace(&path, b"seed and logs").unwrap();
    assert_eq!(KeyFile::open(&path, "admin", PASSPHRASE).unwrap().1.as_slice(), b"seed and logs");
    let wrong = KeyFile::open(&path, "admin", "another long passphrase").err().unwrap();
    assert!(matches!(wrong, KeyFileError::WrongPassphrase));
    assert!(matches!(KeyFile::open(&path, "authority", PASSPHRASE).err().unwrap(), KeyFileError::NotAKeyFile));
}

#[test]
fn a_key_file_says_what_it_is_and_shows_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.key");
    KeyFile::create(&path, "authority", PASSPHRASE, CHEAP, b"CANARY-SEED").unwrap();
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.starts_with(KEY_FILE_MAGIC));
    assert!(!bytes.windows(11).any(|window| window == b"CANARY-SEED"));
}

#[test]
fn any_changed_byte_is_refused_and_none_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    KeyFile::create(&path, "admin", PASSPHRASE, CHEAP, b"seed").unwrap();
    let whole = fs::read(&path).unwrap();
    // The cost parameters (bytes 28 to 39) are left alone: a changed cost is a valid, dear one.
    for place in (0..28).chain(40..whole.len()) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(KeyFile::open(&path, "admin", PASSPHRASE).is_err(), "byte {place}");
    }
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(KeyFile::open(&path, "admin", PASSPHRASE).is_err(), "length {length}");
    }
}

#[test]
fn weak_passphrases_and_files_in_the_way_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    let weak = KeyFile::create(&path, "admin", "छोटा", CHEAP, b"seed").err().unwrap();
    assert!(matches!(weak, KeyFileError::WeakPassphrase));
    fs::write(&path, b"something").unwrap();
    let exists = KeyFile::create(&path, "admin", PASSPHRASE, CHEAP, b"seed").err().unwrap();
    assert!(matches!(exists, KeyFileError::Exists));
    assert_eq!(fs::read(&path).unwrap(), b"something");
}
