//! Refusals of a whole request: an HTTP status and a small JSON body (`docs/wire.md` §7).
//!
//! Knows the codes. Refuses free text: nothing of a request can come back in a refusal. Start at [`Refusal`].

/// Why the hub refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes do not follow the format. Update the app.
    #[error("the hub could not read the request; update the app")]
    Malformed,
    /// No log binds the device yet. Wait until the in-charge has confirmed it.
    #[error("the device is not bound to a post yet")]
    UnknownDevice,
    /// The signature does not fit.
    #[error("the request's signature does not fit")]
    BadSignature,
    /// The device was removed.
    #[error("the device was removed from its post")]
    Removed,
    /// The request's number is not above the last one. Go on from `last`.
    #[error("the request's number is not above {last}")]
    StaleNumber {
        /// Last number seen.
        last: u64,
    },
    /// Somebody else appended first. Read the log, then try again.
    #[error("the log has {length} entries by now")]
    LogMoved {
        /// Its length.
        length: u64,
    },
    /// Another device used the invite.
    #[error("the invite was used by another device")]
    InviteUsed,
    /// The invite is not one of this hub's admins.
    #[error("the invite is not valid here")]
    BadInvite,
    /// An entry breaks a rule.
    #[error("log entry {index} breaks a rule")]
    BadEntry {
        /// Its place in the log.
        index: u64,
    },
    /// The request passes a cap. Send less.
    #[error("the request is too large")]
    TooLarge,
    /// The hub is busy. Try again later.
    #[error("the hub is busy")]
    Busy,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::UnknownDevice | Self::BadSignature | Self::Removed | Self::BadInvite => 403,
            Self::StaleNumber { .. } | Self::LogMoved { .. } | Self::InviteUsed => 409,
            Self::BadEntry { .. } => 422,
            Self::TooLarge => 413,
            Self::Busy => 503,
        }
    }

    /// The code in the body.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownDevice => "unknown_device",
            Self::BadSignature => "bad_signature",
            Self::Removed => "removed",
            Self::StaleNumber { .. } => "stale_number",
            Self::LogMoved { .. } => "log_moved",
            Self::InviteUsed => "invite_used",
            Self::BadInvite => "bad_invite",
            Self::BadEntry { .. } => "bad_entry",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
        }
    }

    /// The number in the body; 0 where the code says all.
    pub fn detail(self) -> u64 {
        match self {
            Self::StaleNumber { last: detail }
            | Self::LogMoved { length: detail }
            | Self::BadEntry { index: detail } => detail,
            _ => 0,
        }
    }

    /// From code and number; `None` for a code that this version does not know.
    pub fn from_code(code: &str, detail: u64) -> Option<Self> {
        Some(match code {
            "malformed" => Self::Malformed,
            "unknown_device" => Self::UnknownDevice,
            "bad_signature" => Self::BadSignature,
            "removed" => Self::Removed,
            "stale_number" => Self::StaleNumber { last: detail },
            "log_moved" => Self::LogMoved { length: detail },
            "invite_used" => Self::InviteUsed,
            "bad_invite" => Self::BadInvite,
            "bad_entry" => Self::BadEntry { index: detail },
            "too_large" => Self::TooLarge,
            "busy" => Self::Busy,
            _ => return None,
        })
    }

    /// The JSON body.
    pub fn to_json(self) -> String {
        serde_json::json!({ "code": self.code(), "detail": self.detail() }).to_string()
    }

    /// From the JSON body; `None` if it is no refusal that this version knows.
    pub fn from_json(body: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(body.get(..body.len().min(4096))?).ok()?;
        let detail = value.get("detail").and_then(serde_json::Value::as_u64).unwrap_or(0);
        Self::from_code(value.get("code")?.as_str()?, detail)
    }
}
