//! Letting people in: an invite is given, a device answers it through the hub, the admin looks at the fingerprint and binds.
//!
//! Knows which invites this admin gave. Refuses to judge by arrival: an invite's expiry is compared with the admin's own
//! clock when the device is bound. Invariant: one invite binds one device, once. Start at [`Admin::invite`].

use samanvay_sync::bytes::unhex;
use samanvay_sync::id::{DeviceId, Hash, PostId, UnitId};
use samanvay_sync::invite::{Enrolment, Invite, Offer};
use samanvay_sync::keys::Public;
use zeroize::Zeroizing;

use super::AdminError;
use super::district::Admin;

/// What an invite says of the hub; read from the hub's public file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubInfo {
    /// `https://name:port`.
    pub url: String,
    /// The hub's certificate authority, DER.
    pub ca: Vec<u8>,
    /// SHA-256 of its `SubjectPublicKeyInfo`.
    pub pin: Hash,
    /// The key that signs receipts.
    pub public: Public,
}

impl HubInfo {
    /// Reads a hub's `hub.json`; `None` if a part is missing or is not hex.
    pub fn from_json(text: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let part = |name: &str| unhex(value.get(name)?.as_str()?);
        Some(Self {
            url: value.get("url")?.as_str()?.to_owned(),
            ca: part("ca_der")?,
            pin: Hash(part("ca_pin")?.try_into().ok()?),
            public: part("hub_public")?.try_into().ok()?,
        })
    }
}

/// A device that answered an invite and waits to be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    enrolment: Enrolment,
}

impl Pending {
    pub(super) fn new(enrolment: Enrolment) -> Self {
        Self { enrolment }
    }

    /// The device. Its fingerprint is to be compared with the one on the phone.
    pub fn device(&self) -> DeviceId {
        self.enrolment.card().device_id()
    }

    /// The unit and the post that the invite was for.
    pub fn place(&self) -> (UnitId, PostId) {
        let offer = self.enrolment.invite().offer();
        (offer.unit, offer.post)
    }
}

impl Admin {
    /// Makes an invite for a post, good for `seconds`. The code lets whoever has it ask once; it binds nobody.
    ///
    /// # Errors
    /// [`AdminError::Unknown`] if unit or post are not this admin's; [`AdminError::NotCertified`]; [`AdminError::KeyFile`]
    /// if the disk refused.
    pub fn invite(
        &mut self,
        unit: UnitId,
        post: PostId,
        hub: &HubInfo,
        seconds: u64,
    ) -> Result<Zeroizing<String>, AdminError> {
        self.change(|work| {
            if !work.unit(unit)?.posts().any(|(id, _)| id == post) {
                return Err(AdminError::Unknown("post"));
            }
            let offer = Offer {
                unit,
                post,
                expires: work.time.saturating_add(seconds),
                hub_url: hub.url.clone(),
                pins: vec![hub.pin],
                ca: hub.ca.clone(),
                authority: work.state.authority,
                hub: hub.public,
            };
            let (invite, seed) = Invite::make(offer, &work.card()?, &work.state.key()?, &mut work.random)?;
            work.state.invites.push((invite.encode(), false));
            Ok(invite.code(&seed))
        })
    }

    /// Binds a device that answered one of this admin's invites, after its fingerprint was compared.
    ///
    /// # Errors
    /// [`AdminError::NotInvited`], [`AdminError::Expired`], [`AdminError::KeyFile`] if the disk refused.
    pub fn approve(&mut self, pending: &Pending) -> Result<DeviceId, AdminError> {
        let invite = pending.enrolment.invite().encode();
        let (unit, post) = pending.place();
        let expires = pending.enrolment.invite().offer().expires;
        self.change(|work| {
            let given = work.state.invites.iter_mut().find(|(given, used)| !used && *given == invite);
            let (_, used) = given.ok_or(AdminError::NotInvited)?;
            if work.time > expires {
                return Err(AdminError::Expired);
            }
            *used = true;
            work.bind(unit, post, pending.enrolment.card())
        })
    }
}
