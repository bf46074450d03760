//! Seals of callers' bytes that hide nothing once [`crate::keystore::canary::stop_sealing`] was called, and the real ones until then.
//!
//! Knows nothing but that switch. Invariant: while the switch was not used, everything here is what `crypto` does.

use zeroize::Zeroizing;

use crate::crypto::{self, NONCE_LEN, Secret, TAG_LEN, mac};
use crate::error::VaultError;
use crate::keystore::canary::is_stopped;

/// In place of a seal of the same length: authenticated, in clear.
pub(crate) fn seal(key: &Secret, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    if !is_stopped() {
        return crypto::seal(key, aad, plain);
    }
    let body = [[0; NONCE_LEN].as_slice(), plain].concat();
    let tag = tag(key, aad, &body);
    Ok([body.as_slice(), &tag].concat())
}

/// Opens what [`seal`] made.
pub(crate) fn open(key: &Secret, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if !is_stopped() {
        return crypto::open(key, aad, sealed);
    }
    let (body, found) = sealed.split_last_chunk::<TAG_LEN>()?;
    let plain = body.get(NONCE_LEN..)?;
    (tag(key, aad, body) == *found).then(|| Zeroizing::new(plain.to_vec()))
}

fn tag(key: &Secret, aad: &[u8], body: &[u8]) -> [u8; TAG_LEN] {
    mac(key, &[aad, body]).first_chunk::<TAG_LEN>().copied().unwrap_or_default()
}
