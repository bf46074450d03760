//! Sealed boxes are HPKE as RFC 9180 has it: our functions give the published values of its appendix A.2.1.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use samanvay_sync::bytes::unhex;
use samanvay_sync::keys::{BoxKey, Random, seal_box};
use samanvay_sync::{Result, SyncError};
use serde_json::Value;

/// Gives the given bytes out, once.
struct Once(Vec<u8>);

impl Random for Once {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(&self.0.drain(..out.len()).collect::<Vec<_>>());
        Ok(())
    }
}

/// A source that fails after handing out nothing.
struct Broken;

impl Random for Broken {
    fn fill(&mut self, _: &mut [u8]) -> Result<()> {
        Err(SyncError::NoRandomness)
    }
}

fn published() -> (Value, impl Fn(&Value, &str) -> Vec<u8>) {
    let vectors = serde_json::from_str(include_str!("data/hpke-rfc9180-a2-1.json")).unwrap();
    (vectors, |value: &Value, name: &str| unhex(value[name].as_str().unwrap()).unwrap())
}

#[test]
fn sealing_with_the_rfc_s_ephemeral_key_gives_the_rfc_s_bytes() {
    let (vectors, get) = published();
    let first = &vectors["encryptions"][0];
    let to = get(&vectors, "pkRm").try_into().unwrap();
    let mut random = Once(get(&vectors, "ikmE"));
    let sealed = seal_box(&to, &get(&vectors, "info"), &get(first, "aad"), &get(first, "pt"), &mut random).unwrap();
    assert_eq!(sealed, [get(&vectors, "enc"), get(first, "ct")].concat());
}

#[test]
fn the_rfc_s_box_opens() {
    let (vectors, get) = published();
    let first = &vectors["encryptions"][0];
    let key = BoxKey::from_bytes(&get(&vectors, "skRm").try_into().unwrap()).unwrap();
    assert_eq!(key.public().to_vec(), get(&vectors, "pkRm"));
    let sealed = [get(&vectors, "enc"), get(first, "ct")].concat();
    let opened = key.open_box(&get(&vectors, "info"), &get(first, "aad"), &sealed).unwrap();
    assert_eq!(*opened, get(first, "pt"));
}

#[test]
fn a_box_opens_with_its_key_info_and_aad_only() {
    let (right, wrong) = (BoxKey::from_bytes(&[4; 32]).unwrap(), BoxKey::from_bytes(&[5; 32]).unwrap());
    let mut random = world::Seeded(1, 0);
    let sealed = seal_box(&right.public(), b"info", b"aad", b"some key", &mut random).unwrap();
    assert_eq!(right.open_box(b"info", b"aad", &sealed).unwrap().as_slice(), b"some key");
    let broken = Err(SyncError::SealBroken);
    assert_eq!(wrong.open_box(b"info", b"aad", &sealed), broken);
    assert_eq!(right.open_box(b"other", b"aad", &sealed), broken);
    assert_eq!(right.open_box(b"info", b"other", &sealed), broken);
    for cut in 0..sealed.len() {
        assert_eq!(right.open_box(b"info", b"aad", &sealed[..cut]), broken);
    }
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(right.open_box(b"info", b"aad", &changed), broken, "byte {at}");
    }
}

#[test]
fn a_key_of_small_order_and_a_failing_source_seal_nothing() {
    let mut random = world::Seeded(1, 0);
    assert_eq!(seal_box(&[0; 32], b"", b"", b"key", &mut random), Err(SyncError::SealBroken));
    let key = BoxKey::from_bytes(&[4; 32]).unwrap();
    assert_eq!(seal_box(&key.public(), b"", b"", b"key", &mut Broken), Err(SyncError::NoRandomness));
}

#[test]
fn no_secret_is_printed() {
    let phone = world::phone(9);
    assert_eq!(format!("{:?}", phone.keys), "DeviceKeys { sign: SignKey(…), boxk: BoxKey(…) }");
}
