//! The invites that this profile has answered: into which units, and by an admin of which district.
//!
//! Knows two files of the ring, which no one reads without the PIN. Invariant: only an answered invite is in them; a log that
//! somebody else writes about this device adds nothing. Start at [`Invited`].

use samanvay_sync::SyncError;
use samanvay_sync::bytes::{Reader, Writer};
use samanvay_sync::id::UnitId;
use samanvay_sync::invite::Invite;
use samanvay_vault::Vault;

use crate::error::Result;
use crate::remote;

/// The same twice: no hub can send it again.
const FILES: [&str; 2] = ["invited", "invited-2"];
const VERSION: u8 = 1;
const INVITES_MAX: usize = 1024;

/// An answered invite. Bytes of the file: version 1 ‖ n varint, n × (unit 16 ‖ district varint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invited {
    pub(crate) unit: UnitId,
    /// LGD code of the inviting admin's district; 0 for the whole state.
    pub(crate) district: u32,
}

impl Invited {
    pub(crate) fn of(invite: &Invite) -> Self {
        Self { unit: invite.offer().unit, district: invite.admin().district() }
    }

    /// All of them, in the order in which they were answered. A copy that does not hold what this app wrote is
    /// written anew from the other.
    ///
    /// # Errors
    /// The vault is locked, or the disk refuses.
    pub(crate) fn all(vault: &Vault) -> Result<Vec<Self>> {
        let mut copies = Vec::new();
        for file in FILES {
            copies.push(remote::whole(vault.ring_get(file))?.and_then(|file| decode(&file).ok()));
        }
        let Some(all) = copies.iter().flatten().next().cloned() else { return Ok(Vec::new()) };
        if copies.iter().any(Option::is_none) {
            put(vault, &all)?;
        }
        Ok(all)
    }

    /// Adds one, once.
    ///
    /// # Errors
    /// The vault refuses.
    pub(crate) fn add(self, vault: &Vault) -> Result<()> {
        let mut all = Self::all(vault)?;
        if !all.contains(&self) {
            all.push(self);
        }
        put(vault, &all)
    }
}

fn put(vault: &Vault, all: &[Invited]) -> Result<()> {
    let mut out = Writer::new();
    out.u8(VERSION).count(all.len());
    for invited in all {
        out.raw(invited.unit).varint(invited.district.into());
    }
    let bytes = out.finish();
    Ok(FILES.iter().try_for_each(|file| vault.ring_put(file, &bytes))?)
}

fn decode(file: &[u8]) -> samanvay_sync::Result<Vec<Invited>> {
    let mut reader = Reader::new(file);
    if reader.u8()? != VERSION {
        return Err(SyncError::Newer);
    }
    let n = reader.count(UnitId::LEN + 1, INVITES_MAX)?;
    let all = (0..n)
        .map(|_| {
            let unit = UnitId(reader.array()?);
            let district = u32::try_from(reader.varint()?).map_err(|_| SyncError::Newer)?;
            Ok(Invited { unit, district })
        })
        .collect::<samanvay_sync::Result<_>>()?;
    reader.end()?;
    Ok(all)
}
