//! Invites and enrolments: how a new device comes to be bound to a post (`docs/wire.md` §8).
//!
//! Knows the code that an admin shows and the answer that a device sends. Refuses to judge expiry: the inviter does, when
//! binding the device. Invariant: a decoded [`Invite`] is signed by the admin of its card, a decoded [`Enrolment`] by the
//! key in its invite. Start at [`Invite::make`] and [`Invite::from_code`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::bytes::{Reader, VERSION, Writer};
use crate::error::{Malformed, Result, SyncError};
use crate::id::{Hash, PostId, UnitId};
use crate::keys::{AdminCard, Card, Public, Random, SignKey, Signature, draw, nfc, sha256, verify};

const INVITE: &str = "samanvay invite v1";
const ENROL: &str = "samanvay enrol v1";
/// Most bytes of an invite's public part: it has to fit on a screen or in a message.
const INVITE_BYTES_MAX: usize = 16 << 10;
/// Most bytes of a device card.
const CARD_BYTES_MAX: usize = 1 << 10;
/// Most bytes of an enrolment: invite, card, their lengths and a signature.
const ENROLMENT_BYTES_MAX: usize = INVITE_BYTES_MAX + CARD_BYTES_MAX + 128;
const PINS_MAX: usize = 8;

/// What an admin offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The unit.
    pub unit: UnitId,
    /// The post that the device is to hold.
    pub post: PostId,
    /// Unix seconds after which the inviter will not bind the device.
    pub expires: u64,
    /// Where the hub is.
    pub hub_url: String,
    /// SHA-256 of the `SubjectPublicKeyInfo` of each CA that the hub's certificate may come from.
    pub pins: Vec<Hash>,
    /// The CA's certificate, DER.
    pub ca: Vec<u8>,
    /// The state's authority.
    pub authority: Public,
    /// The hub's key, which signs receipts.
    pub hub: Public,
}

/// The public part of an invite, signed by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    public: Public,
    offer: Offer,
    card: AdminCard,
    signature: Signature,
}

/// The secret part of an invite. Wiped when dropped.
#[derive(Clone)]
pub struct InviteSeed(Zeroizing<[u8; 32]>);

impl fmt::Debug for InviteSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSeed(…)")
    }
}

impl Invite {
    /// Makes an invite and the seed that answers it.
    ///
    /// # Errors
    /// [`SyncError::NoRandomness`]; [`SyncError::Malformed`] if the parts are too large, or `admin` is not the card's key.
    pub fn make(
        mut offer: Offer,
        card: &AdminCard,
        admin: &SignKey,
        random: &mut dyn Random,
    ) -> Result<(Self, InviteSeed)> {
        if admin.public() != *card.admin() {
            return Err(Malformed("the key is not the admin card's").into());
        }
        offer.hub_url = nfc(&offer.hub_url);
        let seed = InviteSeed(Zeroizing::new(draw(random)?));
        let public = SignKey::from_seed(&seed.0)?.public();
        let mut invite = Self { public, offer, card: card.clone(), signature: [0; 64] };
        invite.signature = admin.sign(INVITE, &invite.signed());
        if invite.encode().len() > INVITE_BYTES_MAX || invite.offer.pins.len() > PINS_MAX {
            return Err(Malformed("invite too large").into());
        }
        Ok((invite, seed))
    }

    /// What is offered.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// The admin who invites.
    pub fn admin(&self) -> &AdminCard {
        &self.card
    }

    /// Names the invite: the first 16 bytes of the SHA-256 of its public part.
    pub fn id(&self) -> [u8; 16] {
        sha256(&[&self.encode()]).prefix()
    }

    /// Checks that this authority certified the admin, and is the one that the invite names.
    ///
    /// # Errors
    /// [`SyncError::BadSignature`].
    pub fn verify(&self, authority: &Public) -> Result<()> {
        if self.offer.authority != *authority {
            return Err(SyncError::BadSignature);
        }
        self.card.verify(authority)
    }

    /// The public part's bytes.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed().as_slice(), &self.signature].concat()
    }

    /// Reads a public part and checks that the admin of its card signed it.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], [`SyncError::BadSignature`] or [`SyncError::Newer`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::message(bytes, INVITE_BYTES_MAX, Malformed("invite too large"))?;
        let public = reader.array()?;
        let (unit, post) = (UnitId(reader.array()?), PostId(reader.array()?));
        let expires = reader.varint()?;
        let hub_url = reader.text(INVITE_BYTES_MAX)?.to_owned();
        let mut pins = Vec::new();
        for _ in 0..reader.count(Hash::LEN, PINS_MAX)? {
            pins.push(Hash(reader.array()?));
        }
        let ca = reader.bytes(INVITE_BYTES_MAX)?.to_vec();
        let (authority, hub) = (reader.array()?, reader.array()?);
        let card = AdminCard::decode(reader.bytes(INVITE_BYTES_MAX)?)?;
        let offer = Offer { unit, post, expires, hub_url, pins, ca, authority, hub };
        let invite = Self { public, offer, card, signature: reader.array()? };
        reader.end()?;
        verify(invite.card.admin(), INVITE, &invite.signed(), &invite.signature)?;
        Ok(invite)
    }

    /// The code that is shown or sent to the person invited. It holds the seed: whoever has it can enrol once.
    pub fn code(&self, seed: &InviteSeed) -> Zeroizing<String> {
        let mut out = Writer::new();
        out.bytes(self.encode()).raw(*seed.0);
        let bytes = Zeroizing::new(out.finish());
        Zeroizing::new(URL_SAFE_NO_PAD.encode(&*bytes))
    }

    /// Reads a code. The admin's signature is checked; the authority is the one that the code names, so the code must come
    /// from a person that the reader knows.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], [`SyncError::BadSignature`] or [`SyncError::Newer`].
    pub fn from_code(code: &str) -> Result<(Self, InviteSeed)> {
        let code = code.trim();
        if code.len() > INVITE_BYTES_MAX * 3 / 2 {
            return Err(Malformed("invite too large").into());
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(code).map_err(|_| Malformed("not an invite code"))?);
        let mut reader = Reader::new(&bytes);
        let invite = Self::decode(reader.bytes(INVITE_BYTES_MAX)?)?;
        let seed = InviteSeed(Zeroizing::new(reader.array()?));
        reader.end()?;
        if SignKey::from_seed(&seed.0)?.public() != invite.public {
            return Err(Malformed("not an invite code").into());
        }
        invite.verify(&invite.offer.authority)?;
        Ok((invite, seed))
    }

    fn signed(&self) -> Vec<u8> {
        let offer = &self.offer;
        let mut out = Writer::new();
        out.u8(VERSION).raw(self.public).raw(offer.unit).raw(offer.post).varint(offer.expires);
        out.text(&offer.hub_url).count(offer.pins.len());
        for pin in &offer.pins {
            out.raw(pin);
        }
        out.bytes(&offer.ca).raw(offer.authority).raw(offer.hub).bytes(self.card.encode());
        out.finish()
    }
}

/// A device's answer to an invite: `POST /v1/enrol`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    invite: Invite,
    card: Card,
    signature: Signature,
}

impl Enrolment {
    /// Answers an invite with a device's card.
    ///
    /// # Errors
    /// [`SyncError::Malformed`] if the seed is not the invite's.
    pub fn make(invite: &Invite, seed: &InviteSeed, card: &Card) -> Result<Self> {
        let key = SignKey::from_seed(&seed.0)?;
        if key.public() != invite.public {
            return Err(Malformed("the seed is not the invite's").into());
        }
        let mut enrolment = Self { invite: invite.clone(), card: card.clone(), signature: [0; 64] };
        enrolment.signature = key.sign(ENROL, &enrolment.signed());
        Ok(enrolment)
    }

    /// The invite that is answered.
    pub fn invite(&self) -> &Invite {
        &self.invite
    }

    /// The device.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Checks that this authority certified the admin who invited.
    ///
    /// # Errors
    /// [`SyncError::BadSignature`].
    pub fn verify(&self, authority: &Public) -> Result<()> {
        self.invite.verify(authority)
    }

    /// The enrolment's bytes.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed().as_slice(), &self.signature].concat()
    }

    /// Reads an enrolment and checks the signatures of the admin, the invite and the card.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], [`SyncError::BadSignature`] or [`SyncError::Newer`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::message(bytes, ENROLMENT_BYTES_MAX, Malformed("enrolment too large"))?;
        let invite = Invite::decode(reader.bytes(INVITE_BYTES_MAX)?)?;
        let card = Card::decode(reader.bytes(CARD_BYTES_MAX)?)?;
        let enrolment = Self { invite, card, signature: reader.array()? };
        reader.end()?;
        verify(&enrolment.invite.public, ENROL, &enrolment.signed(), &enrolment.signature)?;
        Ok(enrolment)
    }

    fn signed(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION).bytes(self.invite.encode()).bytes(self.card.encode());
        out.finish()
    }
}
