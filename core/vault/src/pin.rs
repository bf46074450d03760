//! PIN rules and the function that makes guessing dear.
//!
//! Knows digits and Argon2id. Knows nothing of slots, attempts or files. Start at [`normalise`].

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::crypto::Secret;
use crate::error::{Part, PinProblem, VaultError};

const MIN_DIGITS: usize = 6;
const MAX_DIGITS: usize = 32;

/// Cost of turning a PIN into bytes: Argon2id version 0x13.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfParams {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl KdfParams {
    /// 64 MiB, 3 passes, 1 lane: what a phone with 2 GB bears for about a second. Above the OWASP floor (19 MiB, 2, 1).
    pub const STANDARD: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// As cheap as the algorithm allows. For tests: it protects nothing.
    pub const WEAK_FOR_TESTS: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    /// Memory in KiB (8 × `lanes` to 512 MiB), passes (1 to 64), lanes (1 to 8).
    ///
    /// # Errors
    /// [`VaultError::Damaged`] of [`Part::Slot`] outside these bounds, so that a hostile slot cannot take all memory.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, VaultError> {
        let fits =
            (1..=8).contains(&lanes) && (1..=64).contains(&passes) && (8 * lanes..=512 * 1024).contains(&memory_kib);
        if fits { Ok(Self { memory_kib, passes, lanes }) } else { Err(VaultError::Damaged(Part::Slot)) }
    }

    /// Passes raised above [`KdfParams::STANDARD`] until a try takes about `target_ms` on this phone. `clock` gives
    /// monotonic milliseconds.
    ///
    /// # Errors
    /// [`VaultError::KeyStore`] when the memory is not to be had.
    pub fn calibrate(target_ms: u64, clock: &dyn Fn() -> u64) -> Result<Self, VaultError> {
        let one_pass = Self { passes: 1, ..Self::STANDARD };
        let start = clock();
        stretch(b"000000", &[0; 16], one_pass)?;
        let took = clock().saturating_sub(start).max(1);
        let passes = u32::try_from(target_ms / took).unwrap_or(64).clamp(Self::STANDARD.passes, 64);
        Ok(Self { passes, ..Self::STANDARD })
    }

    /// Memory in KiB, passes, lanes.
    pub(crate) const fn parts(self) -> [u32; 3] {
        [self.memory_kib, self.passes, self.lanes]
    }
}

impl Default for KdfParams {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// A PIN as ASCII digits.
pub(crate) struct Pin(Zeroizing<Vec<u8>>);

/// Reads ASCII and Devanagari digits (UTF-8) and checks the length.
pub(crate) fn normalise(typed: &[u8]) -> Result<Pin, VaultError> {
    let problem = |p| Err(VaultError::WeakPin(p));
    if typed.len() > MAX_DIGITS * 3 {
        return problem(PinProblem::TooLong);
    }
    let Ok(text) = std::str::from_utf8(typed) else {
        return problem(PinProblem::NotDigits);
    };
    let mut digits = Zeroizing::new(Vec::with_capacity(MAX_DIGITS * 3));
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c as u8),
            '०'..='९' => digits.push(b'0' + u8::try_from(u32::from(c) - u32::from('०')).unwrap_or(0)),
            _ => return problem(PinProblem::NotDigits),
        }
    }
    match digits.len() {
        n if n < MIN_DIGITS => problem(PinProblem::TooShort),
        n if n > MAX_DIGITS => problem(PinProblem::TooLong),
        _ => Ok(Pin(digits)),
    }
}

/// Refuses what anybody tries first. For new PINs only.
pub(crate) fn check_strength(pin: &Pin) -> Result<(), VaultError> {
    // Steps are taken modulo 10, so that 890123 counts as a run.
    let mut steps = pin.0.iter().zip(pin.0.iter().skip(1)).map(|(a, b)| (10 + b - a) % 10);
    let Some(first) = steps.next() else { return Ok(()) };
    let even = steps.all(|step| step == first);
    match first {
        0 if even => Err(VaultError::WeakPin(PinProblem::AllSame)),
        1 | 9 if even => Err(VaultError::WeakPin(PinProblem::Run)),
        _ => Ok(()),
    }
}

/// P = Argon2id(pin, salt).
pub(crate) fn harden(pin: &Pin, salt: &[u8; 16], params: KdfParams) -> Result<Secret, VaultError> {
    stretch(&pin.0, salt, params)
}

pub(crate) fn stretch(pin: &[u8], salt: &[u8], params: KdfParams) -> Result<Secret, VaultError> {
    let failed = |_| VaultError::crypto();
    let cost = Params::new(params.memory_kib, params.passes, params.lanes, Some(32)).map_err(failed)?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost).hash_password_into(pin, salt, &mut *out).map_err(failed)?;
    Ok(Secret::new(*out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(typed: &str) -> Option<PinProblem> {
        match normalise(typed.as_bytes()).and_then(|pin| check_strength(&pin)) {
            Err(VaultError::WeakPin(p)) => Some(p),
            _ => None,
        }
    }

    #[test]
    fn devanagari_and_ascii_digits_make_the_same_pin() {
        assert_eq!(normalise("४८२९५७".as_bytes()).unwrap().0, normalise(b"482957").unwrap().0);
    }

    #[test]
    fn weak_pins_are_refused_with_the_rule_they_break() {
        for (typed, expected) in [
            ("48295", PinProblem::TooShort),
            ("", PinProblem::TooShort),
            (&"4829".repeat(9), PinProblem::TooLong),
            (&"५".repeat(200), PinProblem::TooLong),
            ("48295a", PinProblem::NotDigits),
            ("४४४४४४", PinProblem::AllSame),
            ("123456", PinProblem::Run),
            ("८७६५४३", PinProblem::Run),
            ("890123", PinProblem::Run),
        ] {
            assert_eq!(problem(typed), Some(expected), "{typed}");
        }
        assert_eq!(problem("482957"), None);
        assert_eq!(problem("123457"), None);
    }

    #[test]
    fn argon2id_matches_the_reference_implementation() {
        // From the test file of the reference implementation: 2 passes, 64 MiB, 1 lane.
        let params = KdfParams::new(64 * 1024, 2, 1).unwrap();
        let out = stretch(b"password", b"somesalt", params).unwrap();
        assert_eq!(
            crate::crypto::hex(out.as_bytes()),
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        );
    }

    #[test]
    fn calibration_never_goes_below_the_standard_cost() {
        let now = std::cell::Cell::new(0);
        let slow = KdfParams::calibrate(1_000, &|| now.replace(now.get() + 900)).unwrap();
        assert_eq!(slow, KdfParams::STANDARD);
        let fast = KdfParams::calibrate(1_000, &|| now.replace(now.get() + 100)).unwrap();
        assert_eq!(fast.parts(), [64 * 1024, 10, 1]);
    }

    #[test]
    fn costs_outside_the_caps_are_refused() {
        for (m, t, p) in [(0, 1, 1), (7, 1, 1), (u32::MAX, 1, 1), (64, 0, 1), (64, u32::MAX, 1), (64, 1, 0), (64, 1, 9)]
        {
            assert!(KdfParams::new(m, t, p).is_err(), "{m} {t} {p}");
        }
    }
}
