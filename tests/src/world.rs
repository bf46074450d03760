//! A world as data: admins, units, posts, streams, members, devices.
//!
//! Knows JSON and the words in it. Refuses to know what is done in that world. Start at [`World::read`].

use std::fs;
use std::path::Path;

use samanvay_sync::log::{PostRole, Purpose, Rights, UnitKind};
use samanvay_sync::schema::Clearance;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Failure, Result, reading};

/// Everybody and everything that is set up before a story begins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Instant of the set-up.
    pub begins: String,
    /// District admins.
    pub admins: Vec<AdminData>,
    /// Units with their posts.
    pub units: Vec<UnitData>,
    /// Streams with their members.
    pub streams: Vec<StreamData>,
    /// Devices, one post each.
    pub devices: Vec<DeviceData>,
}

/// A district admin.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminData {
    /// Name in the data.
    pub key: String,
    /// LGD code.
    pub district: u32,
    /// Name on the certificate.
    pub name: String,
}

/// A unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitData {
    /// Name in the data.
    pub key: String,
    /// Its admin.
    pub admin: String,
    /// What it is.
    pub kind: UnitWord,
    /// Its name.
    pub name: String,
    /// Its posts.
    pub posts: Vec<PostData>,
}

/// A post.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostData {
    /// Name in the data, within its unit.
    pub key: String,
    /// What it does.
    pub role: RoleWord,
    /// Its name.
    pub name: String,
}

/// A stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamData {
    /// Name in the data.
    pub key: String,
    /// Its admin.
    pub admin: String,
    /// What it is for.
    pub purpose: PurposeWord,
    /// Class letters.
    pub clearance: String,
    /// Its name.
    pub name: String,
    /// Who reads (`r`) and writes (`w`), by `unit.post`.
    pub members: Vec<(String, String)>,
}

/// A device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceData {
    /// Name in the data.
    pub key: String,
    /// Whom it belongs to, for the story's own lines.
    pub person: String,
    /// Its post: `unit.post`.
    pub post: String,
    /// The profile's neutral label.
    pub label: String,
    /// The PIN.
    pub pin: String,
}

/// Kinds of units.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitWord {
    /// Police station.
    Station,
    /// NGO.
    Ngo,
    /// Department.
    Department,
    /// Supervisor's office.
    Office,
}

/// Roles of posts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleWord {
    /// Field worker.
    FieldWorker,
    /// In-charge.
    InCharge,
    /// Supervisor.
    Supervisor,
    /// Nodal officer.
    NodalOfficer,
}

/// Purposes of streams.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurposeWord {
    /// A unit's own work.
    Own,
    /// District roll-up.
    RollUp,
    /// Open.
    Open,
    /// Coordination.
    Coordination,
}

impl World {
    /// Reads a world's file.
    ///
    /// # Errors
    /// [`Failure::Data`] if it is not one.
    pub fn read(path: &Path) -> Result<Self> {
        json(path)
    }
}

impl UnitWord {
    pub(crate) fn kind(self) -> UnitKind {
        match self {
            Self::Station => UnitKind::PoliceStation,
            Self::Ngo => UnitKind::Ngo,
            Self::Department => UnitKind::Department,
            Self::Office => UnitKind::Supervisor,
        }
    }
}

impl RoleWord {
    pub(crate) fn role(self) -> PostRole {
        match self {
            Self::FieldWorker => PostRole::FieldWorker,
            Self::InCharge => PostRole::InCharge,
            Self::Supervisor => PostRole::Supervisor,
            Self::NodalOfficer => PostRole::NodalOfficer,
        }
    }
}

impl PurposeWord {
    pub(crate) fn purpose(self) -> Purpose {
        match self {
            Self::Own => Purpose::Unit,
            Self::RollUp => Purpose::RollUp,
            Self::Open => Purpose::Open,
            Self::Coordination => Purpose::Coordination,
        }
    }
}

/// A clearance from its class letters.
pub(crate) fn clearance(letters: &str) -> Result<Clearance> {
    let bit = |letter| "ABCVM".find(letter).map(|index| 1u8 << index);
    let bits = letters.chars().map(bit).try_fold(0, |bits, bit| Some(bits | bit?));
    let clearance = bits.map(Clearance::from_bits).transpose().ok().flatten();
    clearance.ok_or_else(|| Failure::Data(format!("{letters} is no clearance")))
}

/// Rights from `r`, `w` or both.
pub(crate) fn rights(letters: &str) -> Result<Rights> {
    match letters {
        "r" => Ok(Rights::READER),
        "w" => Ok(Rights::WRITER),
        "rw" => Ok(Rights::BOTH),
        _ => Err(Failure::Data(format!("{letters} are no rights"))),
    }
}

/// Reads a JSON file of the story.
pub(crate) fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(reading(path))?;
    serde_json::from_str(&text).map_err(|error| Failure::Data(format!("{}: {error}", path.display())))
}
