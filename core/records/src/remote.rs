//! What the profile knows of its hub, readable while locked: address, pins, keys, and where the conversation stands.
//!
//! Knows the vault's `state` entries and their bytes; sends nothing. Invariant: the request number on disk is at least every
//! number that has left the phone. Start at [`Hub`] and [`Line`].

use std::collections::BTreeMap;

use samanvay_sync::SyncError;
use samanvay_sync::bytes::{Reader, Writer};
use samanvay_sync::client::{Client, Timeouts};
use samanvay_sync::id::{DeviceId, Generation, Hash, Incarnation, StreamId};
use samanvay_sync::invite::Offer;
use samanvay_sync::keys::{Public, Signature};
use samanvay_sync::wire::SyncRequest;
use samanvay_vault::{Vault, VaultError};
use zeroize::Zeroizing;

use crate::error::{RecordsError, Result};

const HUB: &str = "hub";
const LINE: &str = "line";
const DEVICE: &str = "device";
const LENGTHS: &str = "lengths";
const AUTHORITY: &str = "authority";
const VERSION: u8 = 1;
const TEXT_MAX: usize = 16 << 10;
const PINS_MAX: usize = 8;
const STREAMS_MAX: usize = 4096;

/// The hub of a profile, as its invite named it. Bytes: version 1 ‖ url text ‖ CA bytes ‖ pins varint n × hash ‖
/// authority 32 ‖ hub 32. Unit and post are not here: this is readable without the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hub {
    pub(crate) url: String,
    pub(crate) ca: Vec<u8>,
    pub(crate) pins: Vec<Hash>,
    pub(crate) authority: Public,
    pub(crate) public: Public,
}

impl Hub {
    pub(crate) fn of(offer: &Offer) -> Self {
        Self {
            url: offer.hub_url.clone(),
            ca: offer.ca.clone(),
            pins: offer.pins.clone(),
            authority: offer.authority,
            public: offer.hub,
        }
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::new(&self.url, &self.ca, &self.pins, Timeouts::default())?)
    }

    pub(crate) fn put(&self, vault: &Vault) -> Result<()> {
        let mut out = Writer::new();
        out.u8(VERSION).text(&self.url).bytes(&self.ca).count(self.pins.len());
        for pin in &self.pins {
            out.raw(pin);
        }
        out.raw(self.authority).raw(self.public);
        Ok(vault.state_put(HUB, out.as_slice())?)
    }

    /// The hub, if the profile has one. A damaged file is none: the next invite brings it again.
    pub(crate) fn get(vault: &Vault) -> Result<Option<Self>> {
        let Some(bytes) = whole(vault.state_get(HUB))? else { return Ok(None) };
        let mut reader = Reader::new(&bytes);
        version(&mut reader)?;
        let (url, ca) = (reader.text(TEXT_MAX)?.to_owned(), reader.bytes(TEXT_MAX)?.to_vec());
        let pins = reader.count(Hash::LEN, PINS_MAX)?;
        let pins = (0..pins).map(|_| reader.array().map(Hash)).collect::<samanvay_sync::Result<_>>()?;
        let (authority, public) = (reader.array()?, reader.array()?);
        reader.end()?;
        Ok(Some(Self { url, ca, pins, authority, public }))
    }

    /// The hub.
    ///
    /// # Errors
    /// [`RecordsError::NotEnrolled`] if there is none.
    pub(crate) fn needed(vault: &Vault) -> Result<Self> {
        Self::get(vault)?.ok_or(RecordsError::NotEnrolled)
    }
}

/// Where the conversation stands. Bytes: version 1 ‖ generation 8 ‖ number varint ‖ incarnation 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) generation: Generation,
    pub(crate) number: u64,
    pub(crate) incarnation: Incarnation,
}

impl Line {
    /// What is on disk. From a damaged file the conversation begins anew, and the hub says which number it heard last.
    pub(crate) fn get(vault: &Vault) -> Result<Self> {
        let Some(bytes) = whole(vault.state_get(LINE))? else { return Ok(Self::default()) };
        let mut reader = Reader::new(&bytes);
        version(&mut reader)?;
        let line = Self {
            generation: Generation(reader.array()?),
            number: reader.varint()?,
            incarnation: Incarnation(reader.array()?),
        };
        reader.end()?;
        Ok(line)
    }

    pub(crate) fn put(&self, vault: &Vault) -> Result<()> {
        let mut out = Writer::new();
        out.u8(VERSION).raw(self.generation).varint(self.number).raw(self.incarnation);
        Ok(vault.state_put(LINE, out.as_slice())?)
    }
}

/// The pinned authority, once an invite was answered. It keeps a copy in the ring, so that the logs can still be judged when
/// the file that names the hub is damaged.
pub(crate) fn authority(vault: &Vault) -> Result<Option<Public>> {
    let copy = whole(vault.ring_get(AUTHORITY))?.and_then(|bytes| bytes.as_slice().try_into().ok());
    let Some(hub) = Hub::get(vault)? else { return Ok(copy) };
    if copy != Some(hub.authority) {
        vault.ring_put(AUTHORITY, &hub.authority)?;
    }
    Ok(Some(hub.authority))
}

/// Writes anew, from what an unlocked profile knows, what requests made while locked need and a damaged file lost.
pub(crate) fn mend(vault: &Vault, own: DeviceId, held: &BTreeMap<StreamId, u64>) -> Result<()> {
    if Hub::get(vault)?.is_none() {
        return Ok(());
    }
    if device(vault)? != Some(own) {
        put_device(vault, own)?;
    }
    if lengths(vault)? != *held {
        put_lengths(vault, held)?;
    }
    Ok(())
}

/// A value, or none from a file that does not open: everything kept so can be had again.
pub(crate) fn whole(
    found: std::result::Result<Option<Zeroizing<Vec<u8>>>, VaultError>,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match found {
        Err(VaultError::Damaged(_) | VaultError::NewerSchema { .. } | VaultError::TooLarge) => Ok(None),
        other => Ok(other?),
    }
}

/// This device's id, once it has answered an invite: requests made while locked need it.
pub(crate) fn device(vault: &Vault) -> Result<Option<DeviceId>> {
    let bytes = whole(vault.state_get(DEVICE))?;
    Ok(bytes.and_then(|bytes| bytes.as_slice().try_into().ok()).map(DeviceId))
}

pub(crate) fn put_device(vault: &Vault, device: DeviceId) -> Result<()> {
    Ok(vault.state_put(DEVICE, &device.0)?)
}

/// How many entries of each stream's log are held, for requests made while locked. Bytes: version 1 ‖ n × (stream ‖ length).
pub(crate) fn put_lengths(vault: &Vault, lengths: &BTreeMap<StreamId, u64>) -> Result<()> {
    let mut out = Writer::new();
    out.u8(VERSION).count(lengths.len());
    for (stream, length) in lengths {
        out.raw(stream).varint(*length);
    }
    Ok(vault.state_put(LENGTHS, out.as_slice())?)
}

pub(crate) fn lengths(vault: &Vault) -> Result<BTreeMap<StreamId, u64>> {
    let Some(bytes) = whole(vault.state_get(LENGTHS))? else { return Ok(BTreeMap::new()) };
    let mut reader = Reader::new(&bytes);
    version(&mut reader)?;
    let n = reader.count(StreamId::LEN + 1, STREAMS_MAX)?;
    let lengths = (0..n)
        .map(|_| Ok((StreamId(reader.array()?), reader.varint()?)))
        .collect::<samanvay_sync::Result<BTreeMap<_, _>>>()?;
    reader.end()?;
    Ok(lengths)
}

fn version(reader: &mut Reader<'_>) -> samanvay_sync::Result<()> {
    if reader.u8()? == VERSION { Ok(()) } else { Err(SyncError::Newer) }
}

/// The request's bytes, signed with the profile's transport key.
pub(crate) fn sign(vault: &Vault, request: &SyncRequest) -> Result<Vec<u8>> {
    request.encode(|message| -> Result<Signature> {
        let signature = vault.sign_transport(message)?;
        signature.as_slice().try_into().map_err(|_| RecordsError::Internal("a transport signature of another length"))
    })
}
