//! What people see of records: lists, one record, conflicts, export.
//!
//! Knows merged records, labels and words; changes nothing. Invariant: only what has come is shown; a field that a stream
//! should not have carried is named as hidden and its value is not in any view. Start at [`Profile::list`] and
//! [`Profile::show`].

use std::collections::{BTreeMap, HashMap};

use samanvay_forms::{FieldRef, RowId};
use samanvay_sync::bytes::hex;
use samanvay_sync::id::OpId;
use samanvay_sync::merge::{Cell, RecordState};
use samanvay_sync::op::{Op, Role, Route};

use crate::diff::{self, Shown};
use crate::error::Result;
use crate::kinds::{self, Kind};
use crate::labels::Labels;
use crate::membership::Membership;
use crate::profile::Profile;
use crate::reference::{self, form_rows, wire_rows};
use crate::session::class_letter;
use crate::store::op_key;
use crate::summary::{self, Merged, Summary};
use crate::text::{self, Doubt};

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Place {
    /// Something of it has no receipt of the hub yet.
    OnPhone,
    /// All of it is on the hub.
    OnHub,
    /// A conflict waits for a decision of somebody who may change the record, as this post may.
    NeedsYou,
}

/// Which records to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Filter {
    /// One kind only; all but those that the app writes by itself if none.
    pub kind: Option<String>,
    /// At most so many; 0 for 200.
    pub limit: u32,
    /// Leave out so many first.
    pub offset: u32,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RecordRow {
    /// Id, for `show` and `edit`.
    pub record: String,
    /// Kind of record.
    pub kind: String,
    /// What a home reader calls it; the kind's title for whoever does not see that.
    pub title: String,
    /// The coarse line: enough to act on, not enough to name anybody.
    pub line: String,
    /// Unix seconds of the newest change, as claimed.
    pub updated: i64,
    /// Where it stands.
    pub place: Place,
    /// Cells in conflict.
    pub conflicts: u32,
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct FieldView {
    /// Reference, for `resolve` and `jump`.
    pub field: String,
    /// Name in the form.
    pub name: String,
    /// Label.
    pub label: String,
    /// The value in words.
    pub value: String,
    /// The value as stored.
    pub raw: String,
    /// Place of the row among its repeat's rows, from 1, outermost first; empty outside repeats.
    pub rows: Vec<u32>,
    /// Class letter.
    pub class: String,
    /// Whether it is a coarse fact.
    pub coarse: bool,
    /// Whether two values wait for a decision; the one shown is the latest.
    pub conflict: bool,
    /// Whether another value came than the one shown: streams brought different ones, or a calculated one does not follow from
    /// the answers.
    pub doubtful: bool,
}

/// One step of a record's history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HistoryEntry {
    /// Post and unit of the author.
    pub by: String,
    /// Unix seconds, as claimed.
    pub at: i64,
    /// The time in words.
    pub time: String,
    /// What was done.
    pub what: String,
}

/// A stream that a record goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RouteView {
    /// Name of the stream; empty if this profile is not in it.
    pub stream: String,
    /// `home`, `projection` or `alias`.
    pub role: String,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RecordView {
    /// Id.
    pub record: String,
    /// Kind of record.
    pub kind: String,
    /// What a home reader calls it.
    pub title: String,
    /// The coarse line.
    pub line: String,
    /// Where it stands.
    pub place: Place,
    /// Fields that have a value, in the order of the form.
    pub fields: Vec<FieldView>,
    /// Labels of fields that came without leave and are not shown.
    pub hidden: Vec<String>,
    /// What else a reader should know of how it came, in words.
    pub doubts: Vec<String>,
    /// What was done, oldest first.
    pub history: Vec<HistoryEntry>,
    /// Where it goes; known to readers of the home stream only.
    pub routes: Vec<RouteView>,
}

/// One of the values that wait for a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ConflictOption {
    /// Names the write, for `Choice::Keep`.
    pub op: String,
    /// The value in words; empty for an answer taken back or a row removed.
    pub value: String,
    /// Post and unit of the author.
    pub by: String,
    /// Unix seconds, as claimed.
    pub at: i64,
}

/// A cell with two or more values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ConflictView {
    /// The record.
    pub record: String,
    /// Its title.
    pub title: String,
    /// Reference of the cell, for `resolve`.
    pub field: String,
    /// Its label.
    pub label: String,
    /// The values, the one shown first at the front.
    pub options: Vec<ConflictOption>,
}

/// Most lines of a list if no limit is given.
const LIMIT: u32 = 200;

/// Names a write to the outside.
pub(crate) fn op_name(op: &OpId) -> String {
    hex(&op_key(op))
}

impl Profile {
    /// Records, the one changed last first.
    ///
    /// # Errors
    /// [`crate::RecordsError::Vault`] while locked.
    pub fn list(&self, filter: &Filter) -> Result<Vec<RecordRow>> {
        let limit = if filter.limit == 0 { LIMIT } else { filter.limit };
        let found = self.inner.vault.read(|c| summary::list(c, filter.kind.as_deref(), limit, filter.offset))?;
        let membership = self.opened()?.membership();
        Ok(found.into_iter().map(|summary| self.row(summary, &membership)).collect())
    }

    fn row(&self, summary: Summary, membership: &Membership) -> RecordRow {
        let lang = self.language();
        RecordRow {
            title: self.title(&summary),
            line: text::line(&summary.facts, self.now(), lang),
            place: place(&summary, membership),
            record: summary.record.hex(),
            kind: summary.kind,
            updated: summary.updated,
            conflicts: u32::try_from(summary.conflicts).unwrap_or(u32::MAX),
        }
    }

    fn title(&self, summary: &Summary) -> String {
        let lang = self.language();
        let Ok(kind) = kinds::named(&summary.kind) else { return String::new() };
        let words = kind.labels(lang);
        let parts = kind.rule().title.iter().filter_map(|name| {
            let def = kind.form().field_by_path(name)?;
            summary.facts.get(name).map(|raw| words.code(def, raw, lang))
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { kind.form().title(lang.code()).to_owned() } else { parts.join(" · ") }
    }

    /// One record, as far as it has come to this profile.
    ///
    /// # Errors
    /// [`crate::RecordsError::NotFound`].
    pub fn show(&self, record: &str) -> Result<RecordView> {
        let merged = self.merged(record)?;
        let Merged { state, kind, ops } = &merged;
        let summary = self.inner.vault.read(|c| summary::one(c, state.record()))?;
        let summary = summary.ok_or(crate::RecordsError::NotFound("record"))?;
        let membership = self.opened()?.membership();
        let row = self.row(summary, &membership);
        let shown = diff::shown(kind, state);
        let labels = Labels::of_record(kind, shown.filled.clone(), self.language());
        let hidden = state.hidden().map(|field| labels.label_of(kind, field, self.language())).collect();
        Ok(RecordView {
            fields: self.fields(kind, state, &shown, &labels),
            doubts: doubts(state).map(|doubt| text::doubt(doubt, self.language()).to_owned()).collect(),
            history: ops.iter().map(|op| self.history(kind, op, &membership, &labels)).collect(),
            routes: routes(state, &membership),
            record: row.record,
            kind: row.kind,
            title: row.title,
            line: row.line,
            place: row.place,
            hidden,
        })
    }

    fn fields(&self, kind: &Kind, state: &RecordState, shown: &Shown, labels: &Labels) -> Vec<FieldView> {
        let filled = &shown.filled;
        let numbers = row_numbers(&filled.rows);
        let mut fields: Vec<(usize, FieldView)> = Vec::new();
        for (at, def) in kind.form().fields().iter().enumerate() {
            for (place, value) in filled.values.iter().filter(|(place, _)| place.field == def.id) {
                let cell = state.cell(&wire_rows(&place.rows), def.id);
                fields.push((
                    at,
                    FieldView {
                        field: reference::show(place),
                        name: def.name.clone(),
                        label: labels.label_of(kind, def.id, self.language()),
                        value: labels.value(def, value, self.language()),
                        raw: value.to_text(),
                        rows: numbers_of(&numbers, place),
                        class: class_letter(def.class).to_owned(),
                        coarse: def.coarse,
                        conflict: !def.calculated && cell.is_some_and(Cell::in_conflict),
                        doubtful: shown.recalculated.contains(place) || cell.is_some_and(Cell::disputed),
                    },
                ));
            }
        }
        fields.sort_by_key(|(at, view)| repeat_order(kind, *at, view));
        fields.into_iter().map(|(_, view)| view).collect()
    }

    fn history(&self, kind: &Kind, op: &Op, membership: &Membership, labels: &Labels) -> HistoryEntry {
        let lang = self.language();
        let mut names: Vec<String> = Vec::new();
        for change in &op.changes {
            let def = kind.form().field(change.field);
            if def.is_some_and(|def| !def.calculated) {
                let label = labels.label_of(kind, change.field, lang);
                if !names.contains(&label) {
                    names.push(label);
                }
            }
        }
        HistoryEntry {
            by: membership.author(&op.id.device, lang),
            at: op.seconds,
            time: text::date_time(op.seconds, self.now().offset_minutes, lang),
            what: text::happened(op.creates, &names, lang),
        }
    }

    /// Every cell that waits for a decision of this post: conflicts in records that it may change.
    ///
    /// # Errors
    /// [`crate::RecordsError::Vault`] while locked.
    pub fn conflicts(&self) -> Result<Vec<ConflictView>> {
        let membership = self.opened()?.membership();
        let lang = self.language();
        let mut views = Vec::new();
        for summary in self.inner.vault.read(summary::in_conflict)? {
            let Some(merged) = self.inner.vault.read(|c| summary::state(c, &membership, summary.record))? else {
                continue;
            };
            let rights = merged.state.home().map(|home| membership.rights(home));
            if !rights.is_some_and(|rights| rights.reads() && rights.writes()) {
                continue;
            }
            let title = self.title(&summary);
            let filled = diff::shown(merged.kind, &merged.state).filled;
            let labels = Labels::of_record(merged.kind, filled, lang);
            for conflict in merged.state.conflicts(merged.kind.schema()) {
                let Some(def) = merged.kind.form().field(conflict.field) else { continue };
                let place = FieldRef { field: conflict.field, rows: form_rows(&conflict.rows) };
                let option = |live: &samanvay_sync::merge::Live| ConflictOption {
                    op: op_name(&live.op),
                    value: live
                        .value
                        .as_ref()
                        .map_or_else(String::new, |value| labels.wire(merged.kind, def, value, lang)),
                    by: membership.author(&live.op.device, lang),
                    at: live.seconds,
                };
                views.push(ConflictView {
                    record: merged.state.record().hex(),
                    title: title.clone(),
                    field: reference::show(&place),
                    label: labels.label_of(merged.kind, conflict.field, lang),
                    options: conflict.live.iter().map(option).collect(),
                });
            }
        }
        Ok(views)
    }
}

fn doubts(state: &RecordState) -> impl Iterator<Item = Doubt> {
    let contested = state.is_contested().then_some(Doubt::Contested);
    let stray = state.stray_routes().next().map(|_| Doubt::StrayRoutes);
    let aside = state.aside().next().map(|_| Doubt::Aside);
    [contested, stray, aside].into_iter().flatten()
}

/// The home stream first.
fn routes(state: &RecordState, membership: &Membership) -> Vec<RouteView> {
    let mut routes: Vec<_> = state.routes().collect();
    routes.sort_by_key(|route| (route.role, route.stream));
    let view = |route: &Route| RouteView {
        stream: membership.stream_name(route.stream),
        role: match route.role {
            Role::Home => "home",
            Role::Projection => "projection",
            Role::Alias => "alias",
        }
        .to_owned(),
    };
    routes.iter().map(view).collect()
}

fn place(summary: &Summary, membership: &Membership) -> Place {
    let rights = summary.home.map(|home| membership.rights(home));
    let decides = rights.is_some_and(|rights| rights.reads() && rights.writes());
    if summary.conflicts > 0 && decides {
        Place::NeedsYou
    } else if summary.unsent {
        Place::OnPhone
    } else {
        Place::OnHub
    }
}

/// Fields of one row stand together: the top by form order, a repeat's at its first field, row by row.
fn repeat_order(kind: &Kind, at: usize, view: &FieldView) -> (usize, Vec<u32>, usize) {
    let fields = kind.form().fields();
    let mut first = at;
    let mut parent = fields.get(at).and_then(|def| def.parent_row);
    while let Some(repeat) = parent {
        first = fields.iter().position(|def| def.id == repeat).unwrap_or(first);
        parent = fields.get(first).and_then(|def| def.parent_row);
    }
    (first, view.rows.clone(), at)
}

/// Place of each row among its siblings, from 1.
fn row_numbers(rows: &[FieldRef]) -> HashMap<Vec<RowId>, u32> {
    let mut counts: BTreeMap<(u32, Vec<RowId>), u32> = BTreeMap::new();
    let mut numbers = HashMap::new();
    for row in rows {
        let parent = row.rows.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default();
        let count = counts.entry((row.field, parent)).or_default();
        *count += 1;
        numbers.insert(row.rows.clone(), *count);
    }
    numbers
}

fn numbers_of(numbers: &HashMap<Vec<RowId>, u32>, place: &FieldRef) -> Vec<u32> {
    let depths = 1..=place.rows.len();
    depths.filter_map(|depth| numbers.get(place.rows.get(..depth)?).copied()).collect()
}
