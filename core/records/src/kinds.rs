//! The kinds of records: a form, its schema and its rule, one to one.
//!
//! Knows the committed forms and makes the sync schema out of a compiled form; the mapping lives here and nowhere else.
//! Invariant: kinds, forms, schemas and rules are the same set (a test holds it). Start at [`all`] and [`Kind`].

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use samanvay_forms::{FieldDef, FieldIds, Form, compile};
use samanvay_sync::id::SchemaId;
use samanvay_sync::schema::{ClassMask, Clearance, Field, FieldKind, Schema};

use crate::error::{RecordsError, Result};
use crate::labels::Labels;
use crate::rules::{self, Rule};
use crate::text::Lang;

/// Number of the system field that carries, in the home stream only, the record id of the open fact that stands for a
/// record. Forms' own numbers end at 65,535. Its mask is V|M, so nothing but a whole home stream admits it.
pub(crate) const ALIAS_FIELD: u32 = 65_536;
const ALIAS_NAME: &str = "samanvay_alias";

const FORMS: [(&str, &str, &str); 4] = [
    (
        "awareness_session",
        include_str!("../forms/awareness_session.xml"),
        include_str!("../forms/ids/awareness_session.tsv"),
    ),
    ("missing_child", include_str!("../forms/missing_child.xml"), include_str!("../forms/ids/missing_child.tsv")),
    (
        "coordination_meeting",
        include_str!("../forms/coordination_meeting.xml"),
        include_str!("../forms/ids/coordination_meeting.tsv"),
    ),
    ("case_fact", include_str!("../forms/case_fact.xml"), include_str!("../forms/ids/case_fact.tsv")),
];

/// Every schema that ops of these kinds have been written in, the present ones among them: a record outlives the form
/// version that it was begun with. The folder is also what a hub is given (`--schemas`). A file stays for ever; a test says
/// which one is missing after a form has changed.
const SCHEMAS: &[&[u8]] = &[
    include_bytes!("../forms/schemas/awareness_session-ca698a6e8e75cff6.schema"),
    include_bytes!("../forms/schemas/case_fact-8dcc21b1464a608d.schema"),
    include_bytes!("../forms/schemas/coordination_meeting-09fde39c9abfcf71.schema"),
    include_bytes!("../forms/schemas/missing_child-ede9a2ecb341bb69.schema"),
];

/// A kind of record.
#[derive(Debug)]
pub struct Kind {
    name: &'static str,
    form: Arc<Form>,
    schema: Schema,
    earlier: Vec<Schema>,
    rule: Rule,
    hindi: OnceLock<Labels>,
    english: OnceLock<Labels>,
}

impl Kind {
    /// Its name, which is its form's id.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The compiled form.
    pub fn form(&self) -> &Arc<Form> {
        &self.form
    }

    /// The schema that its ops name.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// That schema and those of earlier versions of the form.
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        std::iter::once(&self.schema).chain(&self.earlier)
    }

    /// Labels of every question that the empty form asks.
    pub(crate) fn labels(&self, lang: Lang) -> &Labels {
        lang.pick(&self.hindi, &self.english).get_or_init(|| Labels::of_form(&self.form, lang))
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whether a stream of this clearance can hold the record whole.
    pub(crate) fn fits(&self, clearance: Clearance) -> bool {
        self.schema.fields().iter().all(|field| self.schema.admits(field.id, clearance))
    }

    /// Fields that a list keeps: those of the title, coarse facts, and the total.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &FieldDef> {
        self.form.fields().iter().filter(|def| {
            def.parent_row.is_none() && (def.coarse || def.name == "total" || self.rule.title.contains(&def.name))
        })
    }
}

/// All kinds in the order in which they are offered.
///
/// # Panics
/// Never: the forms and rules are part of this crate, and its tests compile them.
pub fn all() -> &'static [Kind] {
    static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
    KINDS.get_or_init(|| compile_all().expect("the committed forms and rules compile, as the tests of this crate hold"))
}

/// The kind of this name.
///
/// # Errors
/// [`RecordsError::NotFound`].
pub fn named(name: &str) -> Result<&'static Kind> {
    all().iter().find(|kind| kind.name == name).ok_or(RecordsError::NotFound("kind"))
}

/// The kind whose ops name this schema; `None` for a form version that this app does not have.
pub(crate) fn of_schema(id: SchemaId) -> Option<&'static Kind> {
    all().iter().find(|kind| kind.schemas().any(|schema| schema.id() == id))
}

/// The schema of this id; `None` for a form version that this app does not have.
pub(crate) fn schema(id: SchemaId) -> Option<&'static Schema> {
    all().iter().flat_map(Kind::schemas).find(|schema| schema.id() == id)
}

fn compile_all() -> std::result::Result<Vec<Kind>, String> {
    let mut committed = BTreeMap::<String, Vec<Schema>>::new();
    for bytes in SCHEMAS {
        let schema = Schema::decode(bytes).map_err(|e| format!("committed schema: {e}"))?;
        committed.entry(schema.form_id().to_owned()).or_default().push(schema);
    }
    let mut rules: BTreeMap<String, Rule> = rules::load().map_err(|e| e.to_string())?;
    FORMS
        .iter()
        .map(|(name, xml, ids)| {
            let ids = FieldIds::parse(ids).map_err(|e| format!("{name}: {e}"))?;
            let form = compile(xml, &ids).map_err(|e| format!("{name}: {e}"))?;
            let rule = rules.remove(*name).ok_or_else(|| format!("{name}: no rule"))?;
            let schema = schema_of(&form, rule.alias.is_some()).map_err(|e| format!("{name}: {e}"))?;
            let mut earlier = committed.remove(*name).unwrap_or_default();
            earlier.retain(|held| held.id() != schema.id());
            #[cfg(test)]
            earlier.push(tests::before(&schema));
            let (hindi, english) = (OnceLock::new(), OnceLock::new());
            Ok(Kind { name, form: Arc::new(form), schema, earlier, rule, hindi, english })
        })
        .collect()
}

/// The schema of a compiled form (`docs/wire.md` §6). Notes are not stored and have no field. `alias` adds the system
/// field that links a record to its open fact.
fn schema_of(form: &Form, alias: bool) -> samanvay_sync::Result<Schema> {
    let mut fields: Vec<Field> = Vec::new();
    for def in form.fields() {
        let Some(kind) = field_kind(def.kind) else { continue };
        fields.push(Field {
            id: def.id,
            name: def.name.clone(),
            kind,
            class: ClassMask::from_bits(def.class.mask())?,
            coarse: def.coarse,
            calculated: def.calculated,
            parent: def.parent_row.unwrap_or(0),
            choices: def.choices.clone(),
        });
    }
    if alias {
        fields.push(Field {
            id: ALIAS_FIELD,
            name: ALIAS_NAME.to_owned(),
            kind: FieldKind::Text,
            class: ClassMask::UNSET,
            coarse: false,
            calculated: true,
            parent: 0,
            choices: Vec::new(),
        });
    }
    Schema::new(form.id(), form.version(), fields)
}

fn field_kind(kind: samanvay_forms::Kind) -> Option<FieldKind> {
    use samanvay_forms::Kind as K;
    Some(match kind {
        K::Text => FieldKind::Text,
        K::Int => FieldKind::Int,
        K::Decimal => FieldKind::Decimal,
        K::Choice => FieldKind::Choice,
        K::Choices => FieldKind::Choices,
        K::Date => FieldKind::Date,
        K::Time => FieldKind::Time,
        K::DateTime => FieldKind::Instant,
        K::Repeat => FieldKind::Repeat,
        K::Note => return None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;

    /// As if the form had had a version before this one, with one field fewer.
    pub(crate) fn before(schema: &Schema) -> Schema {
        let last = schema.fields().len() - 1;
        let fields = schema.fields().iter().take(last).cloned().collect();
        Schema::new(schema.form_id(), "an earlier version", fields).unwrap()
    }

    /// With `SAMANVAY_WRITE_SCHEMAS` set, missing files are written; then name them in [`SCHEMAS`].
    #[test]
    fn the_schemas_of_this_version_are_committed_and_every_committed_one_is_loaded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("forms/schemas");
        let mut expected = Vec::new();
        for kind in all() {
            let name = format!("{}-{}.schema", kind.name, kind.schema.id().hex());
            if std::env::var_os("SAMANVAY_WRITE_SCHEMAS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join(&name), kind.schema.encode()).unwrap();
            }
            expected.push(name);
        }
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let committed: BTreeMap<String, Vec<u8>> = files
            .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
            .collect();
        for name in expected {
            assert!(committed.contains_key(&name), "forms/schemas/{name} is missing");
        }
        for (name, bytes) in &committed {
            let schema = Schema::decode(bytes).unwrap();
            assert_eq!(*name, format!("{}-{}.schema", schema.form_id(), schema.id().hex()));
            assert!(SCHEMAS.contains(&bytes.as_slice()), "SCHEMAS lacks {name}");
        }
        assert_eq!(SCHEMAS.len(), committed.len());
    }

    #[test]
    fn an_earlier_schema_is_known_by_its_id_and_belongs_to_its_kind() {
        for kind in all() {
            let earlier = before(kind.schema());
            assert_eq!(of_schema(earlier.id()).unwrap().name(), kind.name());
            assert_eq!(schema(earlier.id()).unwrap(), &earlier);
        }
        assert!(schema(SchemaId([0; 8])).is_none());
    }

    #[test]
    fn kinds_forms_schemas_and_rules_are_one_set() {
        let kinds = compile_all().unwrap();
        let rules = rules::load().unwrap();
        assert_eq!(rules.len(), kinds.len());
        for kind in &kinds {
            assert_eq!(kind.form.id(), kind.name);
            assert_eq!(kind.schema.form_id(), kind.name);
            let alias = usize::from(kind.rule.alias.is_some());
            let stored = kind.form.fields().iter().filter(|f| f.kind != samanvay_forms::Kind::Note).count();
            assert_eq!(kind.schema.fields().len(), stored + alias, "{}", kind.name);
            for name in &kind.rule.title {
                assert!(kind.form.field_by_path(name).is_some(), "{}: title field {name}", kind.name);
            }
        }
    }

    #[test]
    fn an_alias_rule_names_fields_that_exist_and_only_open_ones_of_its_kind() {
        for kind in all() {
            let Some(alias) = &kind.rule.alias else { continue };
            let fact = named(&alias.kind).unwrap();
            assert!(fact.fits(Clearance::OPEN), "an open fact has class A fields only");
            assert!(kind.form.field_by_path(&alias.month.of).is_some());
            assert!(kind.form.field_by_path(&alias.state.from).is_some());
            let into = alias.set.keys().chain([&alias.month.into, &alias.state.into, &alias.district]);
            for name in into {
                assert!(fact.form.field_by_path(name).is_some(), "{name}");
            }
            assert!(!kind.schema.admits(ALIAS_FIELD, Clearance::from_bits(15).unwrap()));
            assert!(kind.schema.admits(ALIAS_FIELD, Clearance::ALL));
        }
    }
}
