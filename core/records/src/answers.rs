//! Answer files: a JSON object of field name → answer, filled into a form session as a person would.
//!
//! Knows JSON and field names; the rules are the form's. Invariant: an answer is taken, or reported; none is dropped
//! silently. Start at [`Answers::read`] and [`fill`].

use samanvay_forms::{Answer, FieldDef, FieldRef, Form, Kind, RowId};
use serde_json::{Map, Value as Json};

use crate::error::{RecordsError, Result};
use crate::session::{FormSession, Refused};

/// Largest answer file in bytes.
pub const FILE_MAX: usize = 1 << 20;

/// Answers by field name. Strings, numbers and yes/no are single answers, a list of them is a choice of several, a list
/// of objects is the rows of a repeat, null takes an answer back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers(Map<String, Json>);

/// An answer that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Refusal {
    /// The name in the file.
    pub field: String,
    /// The question's label; the name if there is no such question.
    pub label: String,
    /// Why, in the session's language.
    pub message: String,
}

impl Answers {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`] if the text is larger than [`FILE_MAX`] or not a JSON object.
    pub fn read(json: &str) -> Result<Self> {
        if json.len() > FILE_MAX {
            return Err(RecordsError::NotFound("answer file below 1 MiB"));
        }
        serde_json::from_str(json).map(Self).map_err(|_| RecordsError::NotFound("JSON object in the answer file"))
    }

    /// Whether nothing is answered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An answer waiting for its turn.
struct Pending {
    name: String,
    place: FieldRef,
    what: What,
    refused: Option<Refused>,
}

enum What {
    Answer(Answer),
    Rows(Vec<Map<String, Json>>),
}

/// Gives the answers in the order of the form, again and again until nothing more is taken: an answer may make another
/// question appear, or another answer right. All that was taken is on disk when this returns, in one save.
///
/// # Errors
/// In the inner result, every answer that was not taken: unknown, not asked with these answers, or against a rule. The
/// rest was taken. In the outer one, [`RecordsError::Vault`] if the disk refused.
pub fn fill(session: &mut FormSession, answers: &Answers) -> Result<std::result::Result<(), Vec<Refusal>>> {
    let form = session.kind().form().clone();
    let mut refusals = Vec::new();
    let mut pending = plan(session, &form, None, &[], &answers.0, &mut refusals);
    loop {
        let mut progress = false;
        let mut next = Vec::new();
        for mut one in pending {
            match give(session, &form, &one, &mut refusals) {
                Ok(below) => {
                    progress = true;
                    next.extend(below);
                }
                Err(refused) => {
                    one.refused = Some(refused);
                    next.push(one);
                }
            }
        }
        pending = next;
        if !progress || pending.is_empty() {
            break;
        }
    }
    session.keep()?;
    for one in pending {
        let message = one.refused.map(|r| session.words(&r)).unwrap_or_default();
        refusals.push(Refusal {
            label: session.label(&one.place).unwrap_or_else(|| one.name.clone()),
            field: one.name,
            message,
        });
    }
    Ok(if refusals.is_empty() { Ok(()) } else { Err(refusals) })
}

fn give(
    session: &mut FormSession,
    form: &Form,
    one: &Pending,
    refusals: &mut Vec<Refusal>,
) -> std::result::Result<Vec<Pending>, Refused> {
    match &one.what {
        What::Answer(answer) => session.give(&one.place, answer.clone()).map(|()| Vec::new()),
        What::Rows(rows) => {
            let mut below = Vec::new();
            for row in rows {
                let id = session.give_row(&one.place)?;
                let path: Vec<RowId> = one.place.rows.iter().copied().chain([id]).collect();
                below.extend(plan(session, form, Some(one.place.field), &path, row, refusals));
            }
            Ok(below)
        }
    }
}

/// What there is to give below one row (or at the top), in the order of the form. Unknown names are refused at once.
fn plan(
    session: &FormSession,
    form: &Form,
    parent: Option<u32>,
    rows: &[RowId],
    answers: &Map<String, Json>,
    refusals: &mut Vec<Refusal>,
) -> Vec<Pending> {
    let mut found = Vec::new();
    let mut known = Vec::new();
    let here: Vec<&FieldDef> = form.fields().iter().filter(|def| def.parent_row == parent).collect();
    for def in &here {
        let Some((name, json)) = answers.iter().find(|(name, _)| names(def, name, &here)) else { continue };
        known.push(name.as_str());
        let place = FieldRef { field: def.id, rows: rows.to_vec() };
        match read(def, json) {
            Some(what) => found.push(Pending { name: name.clone(), place, what, refused: None }),
            None => refusals.push(refusal(session, name, &Refused::WrongShape)),
        }
    }
    for name in answers.keys().filter(|name| !known.contains(&name.as_str())) {
        refusals.push(refusal(session, name, &Refused::Unknown));
    }
    found
}

fn refusal(session: &FormSession, name: &str, why: &Refused) -> Refusal {
    Refusal { field: name.to_owned(), label: name.to_owned(), message: session.words(why) }
}

/// A field is named by its path, or by its last part if no other field here has it.
fn names(def: &FieldDef, name: &str, here: &[&FieldDef]) -> bool {
    if name.contains('/') {
        return def.path.trim_start_matches('/') == name.trim_start_matches('/');
    }
    def.name == name && here.iter().filter(|other| other.name == name).count() == 1
}

fn read(def: &FieldDef, json: &Json) -> Option<What> {
    if def.kind == Kind::Repeat {
        let Json::Array(rows) = json else { return None };
        let rows: Option<Vec<_>> = rows.iter().map(|row| row.as_object().cloned()).collect();
        return rows.map(What::Rows);
    }
    let answer = match json {
        Json::Null => Answer::Clear,
        Json::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| single(def, item)).collect();
            Answer::Text(items?.join(" "))
        }
        Json::Object(_) => return None,
        one => Answer::Text(single(def, one)?),
    };
    Some(What::Answer(answer))
}

/// Text of a single answer. Yes and no become the codes that the field's list has for them.
fn single(def: &FieldDef, json: &Json) -> Option<String> {
    Some(match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Bool(yes) => {
            let codes = if *yes { ["yes", "true", "1"] } else { ["no", "false", "0"] };
            let listed = codes.into_iter().find(|code| def.choices.iter().any(|choice| choice == code));
            listed.unwrap_or(if *yes { "true" } else { "false" }).to_owned()
        }
        _ => return None,
    })
}
