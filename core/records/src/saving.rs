//! Starting, editing, drafting and saving: what a profile does with form sessions.
//!
//! Knows the order of a save: changes, op, frames, outbox, database. Rules of forms and streams are elsewhere. Invariant: a
//! save is one vault save, whatever streams and records it touches. Start at [`Profile::start`].

use samanvay_forms::{Answer, Context, FieldRef, Kind as FieldKind, Session, Value};
use samanvay_sync::bytes::{hex, unhex};
use samanvay_sync::id::{OpId, RecordId};
use samanvay_sync::keys::{Random as _, SystemRandom, draw};
use samanvay_sync::merge::RecordState;
use samanvay_sync::op::{self, Change, Role, Route, Write};

use crate::alias;
use crate::diff::{self, Filled};
use crate::drafts::{self, Step};
use crate::entries::{DraftId, Entry};
use crate::error::{NotAllowed, RecordsError, Result};
use crate::journal::Journal;
use crate::kinds::{self, ALIAS_FIELD, Kind};
use crate::membership::Membership;
use crate::observer::Changed;
use crate::profile::{Open, Profile};
use crate::reference::{self, wire_rows};
use crate::route;
use crate::save::{Draft, Saver};
use crate::session::{FormSession, Opening, offset};
use crate::summary::{self, Merged};
use crate::text;

/// A kind of record, as a shell offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct KindInfo {
    /// Its name, for `start`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Whether this post may start one.
    pub may_start: bool,
    /// Why not, in the person's words.
    pub why_not: Option<String>,
}

/// A form session that was not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DraftInfo {
    /// Its id, for `resume` and `discard`.
    pub draft: String,
    /// Kind of record.
    pub kind: String,
    /// Title of the kind.
    pub title: String,
    /// The record that it edits, if any.
    pub record: Option<String>,
    /// Unix seconds.
    pub started: i64,
    /// Unix seconds of the last answer.
    pub updated: i64,
}

/// How a conflict is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Choice {
    /// The value that this op wrote.
    Keep {
        /// The op, as the conflict's option names it.
        op: String,
    },
    /// Another value, as typed.
    Write {
        /// The answer.
        text: String,
    },
}

impl Profile {
    /// The kinds of records, and which of them this post may start now.
    ///
    /// # Errors
    /// [`RecordsError::Vault`] while locked.
    pub fn kinds(&self) -> Result<Vec<KindInfo>> {
        let membership = self.opened()?.membership();
        let (streams, district) = (membership.candidates(), membership.own_district());
        let lang = self.language();
        let info = |kind: &'static Kind| {
            let may_start = route::home(kind, &streams, district).is_some();
            KindInfo {
                kind: kind.name().to_owned(),
                title: kind.form().title(lang.code()).to_owned(),
                may_start,
                why_not: (!may_start).then(|| text::not_allowed(NotAllowed::NoHome, lang).to_owned()),
            }
        };
        Ok(kinds::all().iter().filter(|kind| !kind.rule().app_only).map(info).collect())
    }

    /// A new, empty form.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`] for an unknown kind, [`RecordsError::NotAllowed`] if this post may not keep such records.
    pub fn start(&self, kind: &str) -> Result<FormSession> {
        let kind = kinds::named(kind)?;
        if kind.rule().app_only {
            return Err(NotAllowed::AppOnly.into());
        }
        let membership = self.opened()?.membership();
        route::home(kind, &membership.candidates(), membership.own_district()).ok_or(NotAllowed::NoHome)?;
        let session = Session::new(kind.form().clone(), self.context(), self.language().code());
        Ok(self.open_session(Opening {
            kind,
            session,
            draft: draw(&mut SystemRandom::new())?,
            record: None,
            base: None,
            base_ops: Vec::new(),
            begun: false,
        }))
    }

    /// The form of an existing record, filled with what it says now.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]; [`RecordsError::NotAllowed`] if this post is not a reader and writer of its home stream.
    pub fn edit(&self, record: &str) -> Result<FormSession> {
        let merged = self.merged(record)?;
        self.may_edit(&merged.state)?;
        let base_ops = merged.ops.iter().map(|op| op.id).collect();
        self.edit_on(merged, base_ops, None)
    }

    /// Form sessions that were not finished, the one touched last first.
    ///
    /// # Errors
    /// [`RecordsError::Vault`] while locked.
    pub fn drafts(&self) -> Result<Vec<DraftInfo>> {
        let heads = self.inner.vault.read(drafts::all)?;
        let lang = self.language();
        let info = |head: drafts::Head| DraftInfo {
            title: kinds::named(&head.kind).map(|kind| kind.form().title(lang.code()).to_owned()).unwrap_or_default(),
            draft: hex(&head.draft),
            kind: head.kind,
            record: head.record.map(|record| record.hex()),
            started: head.started,
            updated: head.updated,
        };
        Ok(heads.into_iter().map(info).collect())
    }

    /// Goes on with a draft.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`].
    pub fn resume(&self, draft: &str) -> Result<FormSession> {
        let draft = draft_id(draft)?;
        let loaded = self.inner.vault.read(|c| drafts::load(c, draft))?;
        let head = &loaded.head;
        if let Some(record) = head.record {
            let ops = head.base.clone();
            let all = self.inner.vault.read(|c| crate::store::ops_of(c, record))?;
            let known = all.into_iter().filter(|held| ops.contains(&held.op.id)).collect();
            let membership = self.opened()?.membership();
            let merged = summary::merged(&membership, record, known).ok_or(RecordsError::NotFound("record"))?;
            return self.edit_on(merged, ops, Some(&loaded));
        }
        let kind = kinds::named(&head.kind)?;
        let session = self.restore(kind, loaded.filled.clone());
        let (record, base, base_ops) = (None, None, Vec::new());
        Ok(self.open_session(Opening { kind, session, draft, record, base, base_ops, begun: true }))
    }

    /// Throws a draft away.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`].
    pub fn discard(&self, draft: &str) -> Result<()> {
        let draft = draft_id(draft)?;
        self.inner.vault.read(|c| drafts::load(c, draft))?;
        self.save(&[Entry::DraftEnd(draft)], |tx| drafts::remove(tx, draft))?;
        self.inner.observers.tell(Changed::Drafts);
        Ok(())
    }

    /// Settles a conflict: writes one value in place of all that are live in this cell.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`] if there is no such conflict (any more); [`RecordsError::NotAllowed`];
    /// [`RecordsError::Answer`] if the form refuses the value.
    pub fn resolve(&self, record: &str, field: &str, choice: &Choice) -> Result<()> {
        let merged = self.merged(record)?;
        self.may_edit(&merged.state)?;
        let place = reference::parse(field).ok_or(RecordsError::NotFound("conflict"))?;
        let rows = wire_rows(&place.rows);
        let open = merged.state.conflicts(merged.kind.schema());
        let conflict = open.into_iter().find(|c| c.field == place.field && c.rows == rows);
        let conflict = conflict.ok_or(RecordsError::NotFound("conflict"))?;
        let def = merged.kind.form().field(place.field).ok_or(RecordsError::NotFound("conflict"))?;
        let kept = match choice {
            Choice::Keep { op } => {
                let live = conflict.live.iter().find(|live| crate::views::op_name(&live.op) == *op);
                Some(live.ok_or(RecordsError::NotFound("conflict"))?.value.clone())
            }
            Choice::Write { .. } => None,
        };
        let replaces = conflict.live.iter().map(|live| live.op).collect();
        if let (Some(value), true) = (&kept, def.kind == FieldKind::Repeat) {
            let write = value.clone().map_or(Write::Clear, Write::Set);
            return self.write_cell(&merged, Change { rows, field: place.field, replaces, write });
        }
        let answer = match (choice, &kept) {
            (Choice::Write { text }, _) => Answer::Text(text.clone()),
            (_, Some(Some(value))) => {
                let field = merged.kind.schema().field(place.field);
                let value = field.and_then(|field| crate::values::read(field, value));
                Answer::Value(value.ok_or(RecordsError::NotFound("conflict"))?)
            }
            _ => Answer::Clear,
        };
        let base_ops = merged.ops.iter().map(|op| op.id).collect();
        let mut session = self.edit_on(merged, base_ops, None)?;
        session.settle(&place, answer, replaces)
    }

    /// One cell, written as it is.
    fn write_cell(&self, merged: &Merged, change: Change) -> Result<()> {
        let draft = Draft {
            kind: merged.kind,
            record: merged.state.record(),
            creates: false,
            changes: vec![change],
            routes: self.routes(merged.kind, &merged.state, &diff::filled(merged.kind, &merged.state))?,
            says_routes: false,
        };
        self.write(vec![draft], None)
    }

    fn edit_on(&self, merged: Merged, base_ops: Vec<OpId>, draft: Option<&drafts::Loaded>) -> Result<FormSession> {
        let mut filled = diff::filled(merged.kind, &merged.state);
        if let Some(loaded) = draft {
            overlay(&mut filled, loaded);
        }
        let session = self.restore(merged.kind, filled);
        Ok(self.open_session(Opening {
            kind: merged.kind,
            session,
            draft: draft.map_or_else(|| draw(&mut SystemRandom::new()), |loaded| Ok(loaded.head.draft))?,
            record: Some(merged.state.record()),
            base: Some(merged.state),
            base_ops,
            begun: draft.is_some(),
        }))
    }

    fn restore(&self, kind: &Kind, filled: Filled) -> Session {
        let context = self.context();
        Session::restore(kind.form().clone(), filled.values, filled.rows, context, self.language().code())
    }

    fn open_session(&self, opening: Opening) -> FormSession {
        FormSession::open(self.clone(), self.language(), opening)
    }

    fn context(&self) -> Context {
        let now = self.now();
        let mut random = SystemRandom::new();
        let rng = Box::new(move || {
            let mut id = [0; 8];
            // A system without randomness saves nothing either: sealing fails, and nothing of the session is kept.
            let _ = random.fill(&mut id);
            id
        });
        Context { now_ms: now.millis, offset_minutes: offset(now.offset_minutes), rng }
    }

    /// Whether this post reads and writes the record's home stream.
    fn may_edit(&self, state: &RecordState) -> Result<()> {
        if state.is_contested() {
            return Err(NotAllowed::Contested.into());
        }
        let membership = self.opened()?.membership();
        let rights = state.home().map(|home| membership.rights(home));
        match rights {
            Some(rights) if rights.reads() && rights.writes() => Ok(()),
            _ => Err(NotAllowed::NotHome.into()),
        }
    }

    /// Where a change of a record goes: its routes, as far as the pack rule has them. A record's district may have been
    /// corrected; where it was counted before it stays counted.
    fn routes(&self, kind: &Kind, state: &RecordState, after: &Filled) -> Result<Vec<Route>> {
        let membership = self.opened()?.membership();
        let home = state.home().ok_or(NotAllowed::NotHome)?;
        let before = diff::filled(kind, state);
        let districts = [&before, after].map(|filled| alias::district(kind, filled));
        let districts: Vec<u32> = districts.into_iter().flatten().chain([membership.own_district()]).collect();
        Ok(route::allowed(kind, &membership.candidates(), home, &districts, state.routes()))
    }

    /// Writes draft steps: one save.
    pub(crate) fn save_steps(&self, steps: &[Step]) -> Result<()> {
        let open = self.opened()?;
        let mut random = SystemRandom::new();
        let entries = steps.iter().map(|step| open.drafts.entry(step, &mut random)).collect::<Result<Vec<_>>>()?;
        let gate = self.gate();
        self.save(&entries, |tx| steps.iter().try_for_each(|step| drafts::write(tx, step)))?;
        drop(gate);
        self.inner.observers.tell(Changed::Drafts);
        Ok(())
    }

    /// Saves a finished form as a new record, or as a change of the one that it edits.
    pub(crate) fn save_form(&self, form: &Form<'_>) -> Result<RecordId> {
        let membership = self.opened()?.membership();
        let drafts = match form.record.zip(form.base) {
            None => creation(&membership, form)?,
            Some((record, base)) => self.change(&membership, form, record, base)?,
        };
        let record = drafts.first().map(|draft| draft.record).or(form.record);
        self.write(drafts, form.draft)?;
        record.ok_or(RecordsError::Internal("a save without a record"))
    }

    fn change(
        &self,
        membership: &Membership,
        form: &Form<'_>,
        record: RecordId,
        base: &RecordState,
    ) -> Result<Vec<Draft>> {
        self.may_edit(base)?;
        let mut changes = diff::changes(form.kind, Some(base), form.filled, form.kept)?;
        if let Some((place, replaces)) = &form.settles {
            diff::settle(form.kind, form.filled, place, replaces, &mut changes)?;
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let routes = self.routes(form.kind, base, form.filled)?;
        let mut drafts = Vec::new();
        if let (Some(rule), Some(route)) = (&form.kind.rule().alias, routes.iter().find(|r| r.role == Role::Alias))
            && let Some(op::Value::Raw(fact)) = base.value(&[], ALIAS_FIELD)
            && let Ok(fact) = <[u8; 16]>::try_from(fact.as_slice())
        {
            let fact = RecordId(fact);
            let held = self.inner.vault.read(|c| summary::state(c, membership, fact))?;
            let district = alias::district(form.kind, form.filled).unwrap_or_else(|| membership.own_district());
            drafts.extend(alias::changed(rule, form.kind, form.filled, fact, held.as_ref(), district, *route)?);
        }
        drafts.insert(0, Draft { kind: form.kind, record, creates: false, changes, routes, says_routes: false });
        Ok(drafts)
    }

    /// Writes ops and the end of a draft: one save.
    fn write(&self, ops: Vec<Draft>, draft: Option<DraftId>) -> Result<()> {
        if ops.is_empty() && draft.is_none() {
            return Ok(());
        }
        let open = self.opened()?;
        let gate = self.gate();
        self.write_gated(&open, ops, draft)?;
        drop(gate);
        self.inner.observers.tell(Changed::Records);
        if draft.is_some() {
            self.inner.observers.tell(Changed::Drafts);
        }
        Ok(())
    }

    fn write_gated(&self, open: &Open, ops: Vec<Draft>, draft: Option<DraftId>) -> Result<()> {
        let membership = open.membership();
        let seconds = self.now().seconds();
        let mut random = SystemRandom::new();
        let saver = self.inner.vault.read(|c| -> Result<Saver<'_>> {
            let mut saver = Saver::new(c, &open.keys, &open.tag_key, &membership)?;
            for op in ops {
                saver.add(c, op, seconds, &mut random)?;
            }
            Ok(saver)
        })?;
        let mut entries = saver.entries();
        entries.extend(draft.map(Entry::DraftEnd));
        let mut journal = Journal::new(open.device, &membership, &open.drafts, seconds);
        self.save(&entries, |tx| {
            saver.write(tx, &mut journal)?;
            if let Some(draft) = draft {
                drafts::remove(tx, draft)?;
            }
            summary::refresh(tx, journal.membership, &journal.touched)
        })
    }

    /// A record's merge.
    pub(crate) fn merged(&self, record: &str) -> Result<Merged> {
        let record = RecordId::from_hex(record).ok_or(RecordsError::NotFound("record"))?;
        let membership = self.opened()?.membership();
        self.inner.vault.read(|c| summary::state(c, &membership, record))?.ok_or(RecordsError::NotFound("record"))
    }
}

/// A form that is to be saved.
pub(crate) struct Form<'a> {
    pub(crate) kind: &'static Kind,
    /// The record that is edited, with what it was when the session began.
    pub(crate) record: Option<RecordId>,
    pub(crate) base: Option<&'a RecordState>,
    pub(crate) filled: &'a Filled,
    /// Places that the form could not show: they stay as they are.
    pub(crate) kept: &'a [FieldRef],
    /// A conflict's cell and the writes that this save replaces there, changed or not.
    pub(crate) settles: Option<(FieldRef, Vec<OpId>)>,
    /// The draft that ends with this save.
    pub(crate) draft: Option<DraftId>,
}

/// The ops of a new record: its own, and the open fact that stands for it.
fn creation(membership: &Membership, form: &Form<'_>) -> Result<Vec<Draft>> {
    let kind = form.kind;
    let streams = membership.candidates();
    let home = route::home(kind, &streams, membership.own_district()).ok_or(NotAllowed::NoHome)?;
    let district = alias::district(kind, form.filled).unwrap_or_else(|| membership.own_district());
    let routes = route::routes(kind, &streams, home, district);
    let mut changes = diff::changes(kind, None, form.filled, &[])?;
    let mut random = SystemRandom::new();
    let record = RecordId(draw(&mut random)?);
    let mut drafts = Vec::new();
    if let (Some(rule), Some(route)) = (&kind.rule().alias, routes.iter().find(|route| route.role == Role::Alias)) {
        let fact = RecordId(draw(&mut random)?);
        changes.push(Change {
            rows: Vec::new(),
            field: ALIAS_FIELD,
            replaces: Vec::new(),
            write: Write::Set(op::Value::Raw(fact.0.to_vec())),
        });
        drafts.push(alias::created(rule, kind, form.filled, fact, district, *route)?);
    }
    drafts.insert(0, Draft { kind, record, creates: true, changes, routes, says_routes: true });
    Ok(drafts)
}

/// Lays a draft's steps over what the edited record said.
fn overlay(filled: &mut Filled, loaded: &drafts::Loaded) {
    for row in &loaded.removed {
        filled.rows.retain(|held| !held.rows.starts_with(&row.rows));
        filled.values.retain(|place: &FieldRef, _: &mut Value| !place.rows.starts_with(&row.rows));
    }
    for row in &loaded.filled.rows {
        if !filled.rows.contains(row) {
            filled.rows.push(row.clone());
        }
    }
    for place in &loaded.cleared {
        filled.values.remove(place);
    }
    filled.values.extend(loaded.filled.values.clone());
}

fn draft_id(draft: &str) -> Result<DraftId> {
    unhex(draft).and_then(|bytes| bytes.try_into().ok()).ok_or(RecordsError::NotFound("draft"))
}
