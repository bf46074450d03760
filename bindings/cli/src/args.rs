//! The commands and their arguments.
//!
//! Knows what can be typed, in English; [`crate::hindi`] has the same in Hindi. Refuses to do anything. A PIN or passphrase
//! is never an argument: other people's processes can see arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Exit codes, shown under `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done · 1 internal fault · 2 wrong usage · 3 PIN or passphrase refused, \
or locked · 4 an answer was refused (the form's words are printed) · 5 no network · 6 the hub or the admin's rules refused · \
7 damaged, or written by a newer version · 8 no such record, profile or name";

/// The command line.
#[derive(Parser)]
#[command(name = "samanvay", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
#[command(about = "Samanvay: records of people who protect women and children, sealed, offline first")]
pub(crate) struct Cli {
    /// Folder of the profiles and of the software key store
    #[arg(long, global = true, value_name = "DIR", env = "SAMANVAY_HOME", default_value = "samanvay-home")]
    pub(crate) home: PathBuf,
    /// Language of texts; else that of the locale, else Hindi
    #[arg(long, global = true, value_enum)]
    pub(crate) lang: Option<Language>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Profile to use, when the folder holds several
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) profile: Option<String>,
    /// File that holds the PIN (else `SAMANVAY_PIN`, else asked for)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A language of the texts.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Language {
    /// Hindi
    Hi,
    /// English
    En,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make, list and open profiles
    #[command(subcommand)]
    Profile(Profile),
    /// Answer an invite
    Enrol {
        /// The invite's code, or `@FILE` that holds it
        code: String,
    },
    /// The forms, and which of them your post may start
    Forms {
        /// Instead, write their schemas into this folder, for a hub
        #[arg(long, value_name = "DIR")]
        schemas: Option<PathBuf>,
    },
    /// Fill a new record from a file of answers
    New {
        /// Kind of record, as `forms` lists it
        kind: String,
        /// JSON object of field name and answer
        #[arg(long, value_name = "FILE")]
        answers: PathBuf,
    },
    /// Drafts that were begun and not finished
    Drafts {
        /// Throw one away
        #[arg(long, value_name = "ID")]
        discard: Option<String>,
    },
    /// List records
    List {
        /// Only this kind
        #[arg(long)]
        kind: Option<String>,
    },
    /// Show one record
    Show {
        /// The record, or the beginning of its id
        record: String,
    },
    /// Change a record with a file of answers
    Edit {
        /// The record, or the beginning of its id
        record: String,
        /// JSON object of field name and answer
        #[arg(long, value_name = "FILE")]
        answers: PathBuf,
    },
    /// Fields that two people changed at once, and settling them
    Conflicts(Conflicts),
    /// Send and fetch
    Sync {
        /// Only send what is unsent, as it is, without the PIN
        #[arg(long)]
        locked: bool,
    },
    /// What is unsent, and when the last sync was
    Status,
    /// Print a record, or all that this profile may see, as JSON
    Export {
        /// The record, or the beginning of its id
        record: Option<String>,
    },
    /// The offline side: authority, units, posts, streams, invites
    #[command(subcommand)]
    Admin(Admin),
}

/// Profiles of this folder.
#[derive(Subcommand)]
pub(crate) enum Profile {
    /// Make a profile
    New {
        /// A neutral label: it is seen before any PIN
        #[arg(long, default_value = "")]
        label: String,
    },
    /// List the profiles
    List,
    /// Check the PIN and say how the profile is
    Unlock,
    /// Change the PIN
    ChangePin {
        /// File that holds the new PIN (else `SAMANVAY_NEW_PIN`, else asked for)
        #[arg(long, value_name = "FILE")]
        new_pin_file: Option<PathBuf>,
    },
}

/// Conflicts of fields.
#[derive(Args)]
pub(crate) struct Conflicts {
    /// Only this record
    pub(crate) record: Option<String>,
    /// Settle this field (as listed)
    #[arg(long, value_name = "FIELD", requires = "record")]
    pub(crate) resolve: Option<String>,
    /// Keep the value of this number (as listed, from 1)
    #[arg(long, value_name = "N", requires = "resolve", conflicts_with = "write")]
    pub(crate) keep: Option<usize>,
    /// Write another value
    #[arg(long, value_name = "TEXT", requires = "resolve")]
    pub(crate) write: Option<String>,
}

/// The offline side.
#[derive(Subcommand)]
pub(crate) enum Admin {
    /// The state authority's key file
    #[command(subcommand)]
    Authority(Authority),
    /// A district admin's key file
    #[command(subcommand)]
    Key(AdminKey),
    /// Make a unit, or list units
    Unit {
        #[command(flatten)]
        file: KeyFileArg,
        /// Name of a new unit
        #[arg(long, requires = "kind")]
        name: Option<String>,
        /// What the new unit is
        #[arg(long, value_enum)]
        kind: Option<UnitKindArg>,
    },
    /// Make a post in a unit
    Post {
        #[command(flatten)]
        file: KeyFileArg,
        /// Unit, by id or name
        #[arg(long)]
        unit: String,
        /// Name of the post
        #[arg(long)]
        name: String,
        /// What its holder does
        #[arg(long, value_enum)]
        role: RoleArg,
    },
    /// Make a stream, or list streams
    Stream {
        #[command(flatten)]
        file: KeyFileArg,
        /// Name of a new stream
        #[arg(long, requires = "purpose")]
        name: Option<String>,
        /// What the new stream is for
        #[arg(long, value_enum)]
        purpose: Option<PurposeArg>,
        /// Classes it may carry, such as ABC
        #[arg(long, default_value = "A")]
        clearance: String,
    },
    /// Say what a post may do in a stream, or bind and remove devices
    #[command(subcommand)]
    Member(Member),
    /// Make an invite for a post
    Invite {
        #[command(flatten)]
        file: KeyFileArg,
        /// Unit, by id or name
        #[arg(long)]
        unit: String,
        /// Post, by id or name
        #[arg(long)]
        post: String,
        /// The hub's public file, hub.json
        #[arg(long, value_name = "FILE")]
        hub: PathBuf,
        /// How long the invite is good for
        #[arg(long, default_value_t = 15)]
        minutes: u64,
    },
    /// Send the hub what it lacks
    Publish {
        #[command(flatten)]
        file: KeyFileArg,
        /// The hub's public file, hub.json
        #[arg(long, value_name = "FILE")]
        hub: PathBuf,
    },
}

/// The state authority.
#[derive(Subcommand)]
pub(crate) enum Authority {
    /// Make the authority's key file
    New {
        #[command(flatten)]
        file: KeyFileArg,
    },
    /// Print the authority's public keys
    Show {
        #[command(flatten)]
        file: KeyFileArg,
    },
    /// Certify an admin for a district; prints the card
    Certify {
        #[command(flatten)]
        file: KeyFileArg,
        /// The admin's public key, in hex
        #[arg(long)]
        admin: String,
        /// LGD code of the district; 0 for the whole state
        #[arg(long)]
        district: u32,
        /// Name of the admin's post
        #[arg(long)]
        name: String,
    },
}

/// A district admin's own key.
#[derive(Subcommand)]
pub(crate) enum AdminKey {
    /// Make an admin's key file; prints the public key to be certified
    New {
        #[command(flatten)]
        file: KeyFileArg,
        /// The authority's public key, in hex
        #[arg(long)]
        authority: String,
        /// The recovery public key, in hex
        #[arg(long)]
        recovery: String,
    },
    /// Take the card that the authority gave
    Card {
        #[command(flatten)]
        file: KeyFileArg,
        /// The card, in hex
        card: String,
    },
}

/// Members and their devices.
#[derive(Subcommand)]
pub(crate) enum Member {
    /// Give a post its rights in a stream, in place of earlier ones
    Set {
        #[command(flatten)]
        file: KeyFileArg,
        /// Stream, by id or name
        #[arg(long)]
        stream: String,
        /// Unit, by id or name
        #[arg(long)]
        unit: String,
        /// Post, by id or name
        #[arg(long)]
        post: String,
        /// What it may do
        #[arg(long, value_enum)]
        rights: RightsArg,
    },
    /// Devices that answered an invite and wait
    Pending {
        #[command(flatten)]
        file: KeyFileArg,
        /// The hub's public file, hub.json
        #[arg(long, value_name = "FILE")]
        hub: PathBuf,
    },
    /// Bind a waiting device whose fingerprint you have compared
    Approve {
        #[command(flatten)]
        file: KeyFileArg,
        /// The hub's public file, hub.json
        #[arg(long, value_name = "FILE")]
        hub: PathBuf,
        /// Fingerprint or id, as `pending` lists it
        device: String,
    },
    /// Take a device off its post everywhere
    Remove {
        #[command(flatten)]
        file: KeyFileArg,
        /// The device's id, in hex
        device: String,
        /// Why
        #[arg(long, value_enum, default_value = "left")]
        reason: ReasonArg,
    },
}

/// Where a key file is.
#[derive(Args)]
pub(crate) struct KeyFileArg {
    /// The key file (kept off phones and off hubs)
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// File that holds the passphrase (else `SAMANVAY_PASSPHRASE`, else asked for)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// What a unit is.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum UnitKindArg {
    /// A police station
    PoliceStation,
    /// A non-governmental organisation
    Ngo,
    /// A department's office
    Department,
    /// A supervisor's office
    Supervisor,
}

/// What the holder of a post does.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    /// Works in the field
    FieldWorker,
    /// Is in charge of the unit
    InCharge,
    /// Supervises units
    Supervisor,
    /// Nodal officer of a department
    NodalOfficer,
}

/// What a stream is for.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PurposeArg {
    /// A unit's own work
    Unit,
    /// Roll-up of a district
    RollUp,
    /// Open facts, signed and not sealed
    Open,
    /// Coordination between units
    Coordination,
}

/// What a post may do in a stream.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RightsArg {
    /// Nothing
    None,
    /// Read
    Read,
    /// Write
    Write,
    /// Read and write
    Both,
}

/// Why a device is removed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ReasonArg {
    /// Its holder left the post
    Left,
    /// It is lost
    Lost,
    /// Another device took its place
    Replaced,
}
