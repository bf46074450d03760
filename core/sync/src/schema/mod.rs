//! Schemas: which fields a form version has, of what kind, and how secret each is (`docs/wire.md` §2, §6).
//!
//! Knows the canonical bytes, the id made from them and the one rule of admission. Refuses to know forms: whoever
//! compiles one builds the schema. Invariant: a [`Schema`] that exists follows every rule of §6, so that its bytes and id
//! are the same on every device. Start at [`Schema::new`] and [`Schema::admits`].

mod project;
pub mod value;

pub use project::{project, stray_fields};

use crate::bytes::{Reader, VERSION, Writer};
use crate::codes::codes;
use crate::error::{Malformed, Result, SyncError};
use crate::id::SchemaId;
use crate::keys::sha256;
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::is_nfc;

/// Largest schema in bytes (`docs/wire.md` §9).
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of repeats (`docs/wire.md` §9).
pub const ROW_DEPTH_MAX: usize = 8;

const TEXT_BYTES_MAX: usize = 64 << 10;
/// Bytes of the shortest field: id, empty name, kind, mask, flags, parent, no choices.
const FIELD_BYTES_MIN: usize = 7;
const COARSE: u8 = 1;
const CALCULATED: u8 = 2;

/// The classes a reader must hold to see a field: one bit, or V and M together for a field without a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassMask(u8);

impl ClassMask {
    /// Open aggregate.
    pub const A: Self = Self(1);
    /// Internal.
    pub const B: Self = Self(2);
    /// Personal: adults, staff.
    pub const C: Self = Self(4);
    /// Victim-identifying.
    pub const V: Self = Self(8);
    /// Medical, sexual, statement.
    pub const M: Self = Self(16);
    /// A field whose form names no class counts as V and M.
    pub const UNSET: Self = Self(24);

    /// The mask as its byte.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// A mask from its byte.
    ///
    /// # Errors
    /// [`SyncError::Newer`] for a class this version does not know, [`Malformed`] for a mix of classes.
    pub fn from_bits(bits: u8) -> Result<Self> {
        match bits {
            1 | 2 | 4 | 8 | 16 | 24 => Ok(Self(bits)),
            32.. => Err(SyncError::Newer),
            _ => Err(Malformed("class mask").into()),
        }
    }
}

/// The set of classes a stream may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clearance(u8);

impl Clearance {
    /// Open aggregates only: the clearance of an open stream.
    pub const OPEN: Self = Self(1);
    /// Every class.
    pub const ALL: Self = Self(31);

    /// A clearance for exactly these classes.
    pub fn of(classes: &[ClassMask]) -> Self {
        Self(classes.iter().fold(0, |bits, class| bits | class.0))
    }

    /// The clearance as its byte.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// A clearance from its byte.
    ///
    /// # Errors
    /// [`SyncError::Newer`] for a class this version does not know.
    pub fn from_bits(bits: u8) -> Result<Self> {
        if bits > Self::ALL.0 { Err(SyncError::Newer) } else { Ok(Self(bits)) }
    }

    /// Whether every bit of `mask` is in this clearance.
    pub fn admits(self, mask: ClassMask) -> bool {
        mask.0 & !self.0 == 0
    }
}

codes!(
    /// What a field holds.
    FieldKind {
        /// Text in NFC.
        Text = 1,
        /// Whole number.
        Int = 2,
        /// Decimal number in canonical digits.
        Decimal = 3,
        /// One of a list.
        Choice = 4,
        /// A set out of a list.
        Choices = 5,
        /// Days since 1970-01-01.
        Date = 6,
        /// Seconds since midnight.
        Time = 7,
        /// Unix seconds and offset from UTC.
        Instant = 8,
        /// Yes or no.
        Bool = 9,
        /// A repeat; its value in a row is the row's order key.
        Repeat = 10,
    }
);

/// One field of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Number of the field, from 1, never reused.
    pub id: u32,
    /// Name in the form.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Who may see it. A repeat's own mask is not used: see [`Schema::admits`].
    pub class: ClassMask,
    /// A coarse fact: calculated, of a lower class than its inputs.
    pub coarse: bool,
    /// The form calculates it.
    pub calculated: bool,
    /// Number of the enclosing repeat, 0 = none.
    pub parent: u32,
    /// Codes of the list, in their committed order; the index is what travels. Later versions only append.
    pub choices: Vec<String>,
}

impl Field {
    /// Index of a choice in the field's list.
    pub fn code(&self, choice: &str) -> Option<u64> {
        self.choices.iter().position(|c| c == choice).map(|index| index as u64)
    }

    /// The choice with this index.
    pub fn choice(&self, code: u64) -> Option<&str> {
        self.choices.get(usize::try_from(code).ok()?).map(String::as_str)
    }
}

/// The fields of one form version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    form_id: String,
    form_version: String,
    fields: Vec<Field>,
    /// For each repeat, the masks of the fields below it at any depth.
    below: BTreeMap<u32, Vec<ClassMask>>,
    id: SchemaId,
}

impl Schema {
    /// A schema of these fields, in any order.
    ///
    /// # Errors
    /// [`Malformed`] for number 0, a number twice, a name twice below one parent, a parent that is no repeat, repeats in a
    /// ring or nested over [`ROW_DEPTH_MAX`], text that is not NFC, choices on a field that has none or twice in a list, or
    /// bytes over [`SCHEMA_BYTES_MAX`].
    pub fn new(form_id: &str, form_version: &str, mut fields: Vec<Field>) -> Result<Self> {
        fields.sort_by_key(|field| field.id);
        if fields.first().is_some_and(|field| field.id == 0) {
            return Err(Malformed("field number 0").into());
        }
        if fields.array_windows().any(|[a, b]| a.id == b.id) {
            return Err(Malformed("field number twice").into());
        }
        for field in &fields {
            check_field(field)?;
        }
        if !is_text(form_id) || !is_text(form_version) {
            return Err(Malformed("form name or version").into());
        }
        let mut schema = Self {
            form_id: form_id.to_owned(),
            form_version: form_version.to_owned(),
            fields,
            below: BTreeMap::new(),
            id: SchemaId::default(),
        };
        schema.below = schema.masks_below()?;
        schema.check_names()?;
        let bytes = schema.encode();
        if bytes.len() > SCHEMA_BYTES_MAX {
            return Err(Malformed("schema too large").into());
        }
        schema.id = id_of(&bytes);
        Ok(schema)
    }

    /// Name of the form.
    pub fn form_id(&self) -> &str {
        &self.form_id
    }

    /// Version of the form.
    pub fn form_version(&self) -> &str {
        &self.form_version
    }

    /// All fields by ascending number.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// First 8 bytes of the SHA-256 of [`Schema::encode`].
    pub fn id(&self) -> SchemaId {
        self.id
    }

    /// The field with this number.
    pub fn field(&self, id: u32) -> Option<&Field> {
        let index = self.fields.binary_search_by_key(&id, |field| field.id).ok()?;
        self.fields.get(index)
    }

    /// The field with this name; `None` if there is none or more than one.
    pub fn field_named(&self, name: &str) -> Option<&Field> {
        let mut named = self.fields.iter().filter(|field| field.name == name);
        named.next().filter(|_| named.next().is_none())
    }

    /// Whether a stream of this clearance may hold the field: every bit of its mask is in the clearance; a repeat if any
    /// field below it may. A number that the schema does not have is not admitted.
    pub fn admits(&self, field: u32, clearance: Clearance) -> bool {
        match self.below.get(&field) {
            Some(masks) => masks.iter().any(|mask| clearance.admits(*mask)),
            None => self.field(field).is_some_and(|f| clearance.admits(f.class)),
        }
    }

    /// The repeats around a field, outermost first: one for each row id of its path.
    pub fn repeats_around(&self, field: u32) -> Vec<u32> {
        let mut around = Vec::new();
        let mut at = self.field(field).map_or(0, |f| f.parent);
        while let Some(repeat) = self.field(at) {
            around.push(at);
            at = repeat.parent;
        }
        around.reverse();
        around
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(VERSION).text(&self.form_id).text(&self.form_version).count(self.fields.len());
        for field in &self.fields {
            let flags = (u8::from(field.coarse) * COARSE) | (u8::from(field.calculated) * CALCULATED);
            w.varint(field.id.into()).text(&field.name).u8(field.kind.code()).u8(field.class.0).u8(flags);
            w.varint(field.parent.into()).count(field.choices.len());
            for choice in &field.choices {
                w.text(choice);
            }
        }
        w.finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`SyncError::Newer`] for a version, kind, class or flag not known; [`Malformed`] if the bytes break §6.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::message(bytes, SCHEMA_BYTES_MAX, Malformed("schema too large"))?;
        let form_id = r.text(TEXT_BYTES_MAX)?;
        let form_version = r.text(TEXT_BYTES_MAX)?;
        let n = r.count(FIELD_BYTES_MIN, SCHEMA_BYTES_MAX)?;
        let mut fields: Vec<Field> = Vec::with_capacity(n);
        for _ in 0..n {
            let field = read_field(&mut r)?;
            if fields.last().is_some_and(|last| last.id >= field.id) {
                return Err(Malformed("fields not in ascending order").into());
            }
            fields.push(field);
        }
        r.end()?;
        Self::new(form_id, form_version, fields)
    }

    fn check_names(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        let once = self.fields.iter().all(|field| names.insert((field.parent, &field.name)));
        if once { Ok(()) } else { Err(Malformed("field name twice below one parent").into()) }
    }

    fn masks_below(&self) -> Result<BTreeMap<u32, Vec<ClassMask>>> {
        let repeats = self.fields.iter().filter(|field| field.kind == FieldKind::Repeat);
        let mut below: BTreeMap<u32, Vec<ClassMask>> = repeats.map(|repeat| (repeat.id, Vec::new())).collect();
        for field in &self.fields {
            let mut parent = field.parent;
            for depth in 0.. {
                if parent == 0 {
                    break;
                }
                // A repeat is itself one level of rows.
                if depth + usize::from(field.kind == FieldKind::Repeat) >= ROW_DEPTH_MAX {
                    return Err(Malformed("repeats nested too deep or in a ring").into());
                }
                let masks = below.get_mut(&parent).ok_or(Malformed("parent is no repeat"))?;
                if field.kind != FieldKind::Repeat && !masks.contains(&field.class) {
                    masks.push(field.class);
                }
                parent = self.field(parent).map_or(0, |repeat| repeat.parent);
            }
        }
        Ok(below)
    }
}

fn id_of(bytes: &[u8]) -> SchemaId {
    SchemaId(sha256(&[bytes]).prefix())
}

fn is_text(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX && is_nfc(text)
}

fn check_field(field: &Field) -> Result<()> {
    if !is_text(&field.name) || !field.choices.iter().all(|choice| is_text(choice)) {
        return Err(Malformed("name or choice too long or not NFC").into());
    }
    let has_list = matches!(field.kind, FieldKind::Choice | FieldKind::Choices);
    if !has_list && !field.choices.is_empty() {
        return Err(Malformed("choices on a field without a list").into());
    }
    let mut sorted: Vec<&String> = field.choices.iter().collect();
    sorted.sort_unstable();
    if sorted.array_windows().any(|[a, b]| a == b) {
        return Err(Malformed("choice twice in a list").into());
    }
    Ok(())
}

fn read_field(r: &mut Reader<'_>) -> Result<Field> {
    let id = read_number(r)?;
    let name = r.text(TEXT_BYTES_MAX)?.to_owned();
    let kind = FieldKind::from_code(r.u8()?)?;
    let class = ClassMask::from_bits(r.u8()?)?;
    let flags = r.u8()?;
    if flags & !(COARSE | CALCULATED) != 0 {
        return Err(SyncError::Newer);
    }
    let parent = read_number(r)?;
    let n = r.count(1, SCHEMA_BYTES_MAX)?;
    let choices = (0..n).map(|_| Ok(r.text(TEXT_BYTES_MAX)?.to_owned())).collect::<Result<_>>()?;
    Ok(Field {
        id,
        name,
        kind,
        class,
        coarse: flags & COARSE != 0,
        calculated: flags & CALCULATED != 0,
        parent,
        choices,
    })
}

fn read_number(r: &mut Reader<'_>) -> Result<u32> {
    u32::try_from(r.varint()?).map_err(|_| Malformed("field number over 32 bits").into())
}
