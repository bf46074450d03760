//! A look at an entry's outside, before anything in it costs work.
//!
//! Knows where index, signers and the founder's card stand in an entry (`docs/wire.md` §3). Refuses to judge signatures:
//! the log does, once the entry is decoded. Invariant: reading one costs no signature check. Start at [`Glimpse::read`].

use samanvay_sync::bytes::{Malformed, Reader};
use samanvay_sync::keys::{AdminCard, Public};
use samanvay_sync::log::ENTRY_BYTES_MAX;
use samanvay_sync::{Result, SyncError};

/// Kinds of the entries that a log begins with: of a unit, of a stream.
const UNIT_GENESIS: u8 = 1;
const STREAM_GENESIS: u8 = 2;

/// The outside of an entry.
pub(super) struct Glimpse<'a> {
    index: u64,
    kind: u8,
    body: &'a [u8],
    signers: Vec<Public>,
}

impl<'a> Glimpse<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::message(bytes, ENTRY_BYTES_MAX, Malformed("entry too large"))?;
        reader.array::<16>()?; // the log
        let index = reader.varint()?;
        reader.array::<32>()?; // the entry before
        reader.varint()?; // time
        let kind = reader.u8()?;
        let body = reader.bytes(ENTRY_BYTES_MAX)?;
        let mut signers = Vec::new();
        for _ in 0..reader.count(96, 2)? {
            signers.push(reader.array()?);
            reader.array::<64>()?; // the signature
        }
        reader.end()?;
        Ok(Self { index, kind, body, signers })
    }

    pub(super) fn is_unit_genesis(&self) -> bool {
        self.kind == UNIT_GENESIS
    }

    /// Refuses an entry that does not stand at `length`, or that somebody signed who is no admin: of the log, or for its
    /// first entry, certified by the authority.
    pub(super) fn vet(&self, length: u64, authority: &Public, is_admin: impl Fn(&Public) -> bool) -> Result<()> {
        let refuse = |why| SyncError::BadEntry { index: length, why };
        if self.index != length {
            return Err(refuse("not the log's next entry"));
        }
        let known = if length == 0 {
            let card = self.founder()?;
            card.verify(authority).is_ok() && self.signers.iter().all(|key| key == card.admin())
        } else {
            self.signers.iter().all(is_admin)
        };
        if known { Ok(()) } else { Err(refuse("signer is no admin of this log")) }
    }

    /// The card in a genesis.
    fn founder(&self) -> Result<AdminCard> {
        if !matches!(self.kind, UNIT_GENESIS | STREAM_GENESIS) {
            return Err(SyncError::BadEntry { index: 0, why: "a log begins with its genesis" });
        }
        AdminCard::decode(Reader::new(self.body).bytes(ENTRY_BYTES_MAX)?)
    }
}
