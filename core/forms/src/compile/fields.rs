//! Gives fields their kind, number, class and choice order.
//!
//! Knows: bind types, questions, the committed table. Refuses to know: expressions beyond their possible results.
//! Invariant: a committed number keeps its path, kind and choice codes; nothing is numbered silently in strict mode.
//! Start at [`kinds`] and [`number`].

use super::binds::BindFacts;
use super::body::{Body, Control};
use super::report::Report;
use crate::errors::Fault;
use crate::form::FieldDef;
use crate::ids::{Entry, FieldIds};
use crate::model::{ChoiceSource, Def, DefId, Expr, Func, Shape};
use crate::num;
use crate::value::Kind;
use std::collections::{HashMap, HashSet};

const TYPE_ADVICE: &str = "Use string, int, decimal, date, time, dateTime or a select";

/// Sets each leaf's kind from its question and bind type.
pub(super) fn kinds(defs: &mut [Def], facts: &HashMap<DefId, BindFacts>, body: &Body, report: &mut Report) {
    let nothing = BindFacts::default();
    for (at, def) in defs.iter_mut().enumerate() {
        let id = DefId(num::index(at));
        let facts = facts.get(&id).unwrap_or(&nothing);
        if def.shape != Shape::Leaf {
            continue;
        }
        let control = body.controls.get(&id).copied();
        let typed = type_kind(&facts.type_name);
        def.kind = match (control, typed) {
            (_, None) => {
                let what = format!("bind type {} is not supported", facts.type_name);
                let fault = if facts.type_name == "binary" { Fault::Media } else { Fault::Type };
                report.add(facts.offset, fault, what, TYPE_ADVICE);
                continue;
            }
            (Some(Control::SelectOne), _) => Kind::Choice,
            (Some(Control::SelectMany), _) => Kind::Choices,
            (Some(Control::Input), Some(Kind::Text)) if facts.always_readonly && is_plain(def) => Kind::Note,
            (_, Some(kind)) => kind,
        };
    }
}

fn is_plain(def: &Def) -> bool {
    def.bind.calculate.is_none() && def.bind.preload.is_none() && def.default.is_empty()
}

fn type_kind(name: &str) -> Option<Kind> {
    Some(match name.rsplit_once(':').map_or(name, |(_, local)| local) {
        "" | "string" | "text" | "select1" | "select" => Kind::Text,
        "int" | "integer" => Kind::Int,
        "decimal" => Kind::Decimal,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "dateTime" => Kind::DateTime,
        _ => return None,
    })
}

/// The texts an expression can give, when that is a closed list: literals, conditions between them, single-choice fields.
pub(super) fn outcomes(expr: &Expr, codes: &HashMap<DefId, Vec<String>>) -> Option<Vec<String>> {
    let both = |a: &Expr, b: &Expr| {
        let mut all = outcomes(a, codes)?;
        all.extend(outcomes(b, codes)?);
        Some(all)
    };
    match expr {
        Expr::Text(text) if text.is_empty() => Some(Vec::new()),
        Expr::Text(text) if !text.contains(char::is_whitespace) && !text.contains(',') => Some(vec![text.clone()]),
        Expr::Number(n) => Some(vec![num::number_text(*n)]),
        Expr::Call(Func::If, args) => match args.as_slice() {
            [_, a, b] => both(a, b),
            _ => None,
        },
        Expr::Call(Func::Coalesce, args) => {
            let parts: Option<Vec<Vec<String>>> = args.iter().map(|a| outcomes(a, codes)).collect();
            parts.map(|p| p.concat())
        }
        Expr::Path(path) => codes.get(&path.target?).cloned(),
        _ => None,
    }
}

/// A list without its repeats, in order.
fn distinct(mut list: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    list.retain(|code| seen.insert(code.clone()));
    list
}

fn source_codes(source: &ChoiceSource) -> Vec<String> {
    distinct(source.items.iter().map(|i| i.value.clone()).collect())
}

/// Codes of every field with a fixed list, coarse facts included (which thereby become choices).
pub(super) fn codes(
    defs: &mut [Def],
    facts: &HashMap<DefId, BindFacts>,
    body: &Body,
    report: &mut Report,
) -> HashMap<DefId, Vec<String>> {
    let mut codes: HashMap<DefId, Vec<String>> = HashMap::new();
    for (id, source) in &body.choices {
        if body.controls.get(id) == Some(&Control::SelectOne) {
            codes.insert(*id, source_codes(source));
        }
    }
    for at in 0..defs.len() {
        let id = DefId(num::index(at));
        let Some(facts) = facts.get(&id).filter(|f| f.secrecy.coarse) else {
            continue;
        };
        let Some(def) = defs.get(at).filter(|d| d.kind == Kind::Text) else {
            continue;
        };
        let closed = def.bind.calculate.as_ref().and_then(|expr| outcomes(expr, &codes));
        match closed {
            Some(list) => {
                codes.insert(id, distinct(list));
                if let Some(def) = defs.get_mut(at) {
                    def.kind = Kind::Choice;
                }
            }
            None if facts.secrecy.waived => {}
            None => report.add(
                facts.offset,
                Fault::Leak,
                format!("the coarse fact {} could carry any text", def.path),
                "Work it out from if() with fixed codes, or give it a type other than string",
            ),
        }
    }
    for (id, source) in &body.choices {
        codes.entry(*id).or_insert_with(|| source_codes(source));
    }
    codes
}

/// What numbering works on.
pub(super) struct Numbering<'a> {
    pub(super) ids: &'a FieldIds,
    /// Whether missing numbers and choices may be added.
    pub(super) assign: bool,
    pub(super) codes: HashMap<DefId, Vec<String>>,
    pub(super) facts: &'a HashMap<DefId, BindFacts>,
}

/// Numbers every field. Returns the table, extended in assign mode.
pub(super) fn number(defs: &mut [Def], numbering: &Numbering<'_>, report: &mut Report) -> FieldIds {
    let mut table = numbering.ids.clone();
    let nothing = BindFacts::default();
    for at in 0..defs.len() {
        let id = DefId(num::index(at));
        let Some(def) = defs.get(at).filter(|d| is_field(d, defs)) else {
            continue;
        };
        let codes = numbering.codes.get(&id).map_or(&[][..], Vec::as_slice);
        let Some(entry) = settle(&mut table, def, codes, numbering.assign, report) else {
            continue;
        };
        let facts = numbering.facts.get(&id).unwrap_or(&nothing);
        let field = FieldDef {
            id: entry.id,
            path: def.path.clone(),
            name: def.name.clone(),
            kind: def.kind,
            class: facts.secrecy.class,
            coarse: facts.secrecy.coarse,
            calculated: def.bind.calculate.is_some() || def.bind.preload.is_some(),
            parent_row: enclosing_repeat(def, defs).and_then(|d| d.field.as_ref()).map(|f| f.id),
            choices: entry.choices.clone(),
        };
        if let Some(def) = defs.get_mut(at) {
            def.field = Some(field);
        }
    }
    table
}

/// Bookkeeping below `meta` is made anew by whoever sends a record, so it has no number.
fn is_field(def: &Def, defs: &[Def]) -> bool {
    let meta = def.parent.and_then(|p| defs.get(p.ix())).is_some_and(|p| p.path == "/meta");
    def.shape != Shape::Group && !meta
}

fn enclosing_repeat<'d>(def: &Def, defs: &'d [Def]) -> Option<&'d Def> {
    let mut at = def.parent;
    while let Some(id) = at {
        let parent = defs.get(id.ix())?;
        if matches!(parent.shape, Shape::Repeat { .. }) {
            return Some(parent);
        }
        at = parent.parent;
    }
    None
}

/// The table's line for a field, made or extended if that is allowed.
fn settle(table: &mut FieldIds, def: &Def, codes: &[String], assign: bool, report: &mut Report) -> Option<Entry> {
    let mut complain = |what: String, advice: &'static str| report.add(def.offset, Fault::FieldId, what, advice);
    let known = table.entries.iter().position(|e| e.path == def.path);
    let Some(at) = known else {
        if !assign {
            complain(
                format!("field {} has no number", def.path),
                "Assign numbers and commit the id table with the form",
            );
            return None;
        }
        let Some(id) = table.next_id() else {
            complain("the id table is full".to_owned(), "Start a new form");
            return None;
        };
        let entry = Entry { path: def.path.clone(), id, kind: def.kind, choices: codes.to_vec() };
        table.entries.push(entry.clone());
        return Some(entry);
    };
    let entry = table.entries.get_mut(at)?;
    if entry.kind != def.kind {
        let what = format!("field {} was {} and is now {}", def.path, entry.kind, def.kind);
        complain(what, "Keep the kind, or give the new field a new name");
        return None;
    }
    let known: HashSet<String> = entry.choices.iter().cloned().collect();
    for code in codes.iter().filter(|c| !known.contains(*c)) {
        if assign {
            entry.choices.push(code.clone());
        } else {
            complain(
                format!("choice {code} of {} has no place in the id table", def.path),
                "Assign it: new choices go to the end of the committed list",
            );
        }
    }
    Some(entry.clone())
}
