//! What admins and the programs they use send: appends to logs, and signed questions (`docs/wire.md` §8).
//!
//! Knows their bytes and signatures. Refuses to know which admin may ask what; the hub compares districts. Invariant: an
//! [`AdminRequest`] that was decoded is signed by the admin of its card; [`AdminRequest::verify`] says whether the authority
//! certified that admin. Start at [`Append`] and [`AdminRequest`].

use crate::bytes::{Reader, VERSION, Writer};
use crate::error::{Malformed, Result, SyncError};
use crate::id::LogId;
use crate::keys::{AdminCard, Public, SignKey, Signature, verify};
use crate::log::ENTRY_BYTES_MAX;

use super::{BODY_BYTES_MAX, ITEM_BYTES_MIN};

const CONTEXT: &str = "samanvay admin request v1";
const READ_LOG: u8 = 1;
const PENDING: u8 = 2;

/// `POST /v1/log`: append entries if the log still has the expected length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The log.
    pub log: LogId,
    /// Its length as expected.
    pub length: u64,
    /// The entries.
    pub entries: Vec<Vec<u8>>,
}

impl Append {
    /// The request's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION).raw(self.log).varint(self.length).raw(encode_list(&self.entries));
        out.finish()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`SyncError::Malformed`] or [`SyncError::Newer`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::message(bytes, BODY_BYTES_MAX, Malformed("request too large"))?;
        let (log, length) = (LogId(reader.array()?), reader.varint()?);
        let entries = read_list(&mut reader)?;
        reader.end()?;
        Ok(Self { log, length, entries })
    }
}

/// The reply to an append that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The log's new length.
    pub length: u64,
}

impl Appended {
    /// The JSON body.
    pub fn to_json(self) -> String {
        serde_json::json!({ "length": self.length }).to_string()
    }

    /// From the JSON body; `None` if it is something else.
    pub fn from_json(body: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(body.get(..body.len().min(4096))?).ok()?;
        Some(Self { length: value.get("length")?.as_u64()? })
    }
}

/// What an admin asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminAct {
    /// Entries of a log, from an index on. The reply is a list of entries.
    ReadLog {
        /// The log.
        log: LogId,
        /// First index wanted.
        from: u64,
    },
    /// Enrolments of the admin's district that no log binds yet. The reply is a list of enrolments.
    PendingEnrolments,
}

/// `POST /v1/admin`: a question signed by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminRequest {
    /// What is asked.
    pub act: AdminAct,
    /// Who asks.
    pub card: AdminCard,
    /// Unix seconds as claimed.
    pub time: u64,
    signature: Signature,
}

impl AdminRequest {
    /// Signs a question with the admin's key.
    pub fn sign(act: AdminAct, card: &AdminCard, time: u64, admin: &SignKey) -> Self {
        let mut request = Self { act, card: card.clone(), time, signature: [0; 64] };
        request.signature = admin.sign(CONTEXT, &request.signed());
        request
    }

    /// Checks that the authority certified the admin who asks.
    ///
    /// # Errors
    /// [`SyncError::BadSignature`].
    pub fn verify(&self, authority: &Public) -> Result<()> {
        self.card.verify(authority)
    }

    /// The request's bytes.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed().as_slice(), &self.signature].concat()
    }

    /// Reads a request and checks that the admin of its card signed it.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], [`SyncError::BadSignature`], or [`SyncError::Newer`] for an unknown act.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::message(bytes, BODY_BYTES_MAX, Malformed("request too large"))?;
        let act = reader.u8()?;
        let card = AdminCard::decode(reader.bytes(ENTRY_BYTES_MAX)?)?;
        let time = reader.varint()?;
        let act = AdminAct::decode(act, reader.bytes(ENTRY_BYTES_MAX)?)?;
        let request = Self { act, card, time, signature: reader.array()? };
        reader.end()?;
        verify(request.card.admin(), CONTEXT, &request.signed(), &request.signature)?;
        Ok(request)
    }

    fn signed(&self) -> Vec<u8> {
        let mut argument = Writer::new();
        let act = match self.act {
            AdminAct::ReadLog { log, from } => {
                argument.raw(log).varint(from);
                READ_LOG
            }
            AdminAct::PendingEnrolments => PENDING,
        };
        let mut out = Writer::new();
        out.u8(VERSION).u8(act).bytes(self.card.encode()).varint(self.time).bytes(argument.finish());
        out.finish()
    }
}

impl AdminAct {
    fn decode(act: u8, argument: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(argument);
        let act = match act {
            READ_LOG => Self::ReadLog { log: LogId(reader.array()?), from: reader.varint()? },
            PENDING => Self::PendingEnrolments,
            _ => return Err(SyncError::Newer),
        };
        reader.end()?;
        Ok(act)
    }
}

/// The reply to an admin's question: `n varint, n × bytes`.
pub fn encode_list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Writer::new();
    out.count(items.len());
    for item in items {
        out.bytes(item);
    }
    out.finish()
}

/// Reads a reply to an admin's question.
///
/// # Errors
/// [`SyncError::Malformed`].
pub fn decode_list(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    if bytes.len() > BODY_BYTES_MAX {
        return Err(Malformed("reply too large").into());
    }
    let mut reader = Reader::new(bytes);
    let items = read_list(&mut reader)?;
    reader.end()?;
    Ok(items)
}

fn read_list(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>> {
    let mut items = Vec::new();
    for _ in 0..reader.count(ITEM_BYTES_MIN, BODY_BYTES_MAX)? {
        items.push(reader.bytes(ENTRY_BYTES_MAX)?.to_vec());
    }
    Ok(items)
}
