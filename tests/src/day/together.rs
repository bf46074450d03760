//! What people do together: the same field at the same time, a meeting, the open page.

use samanvay_records::view::{Choice, FieldView, RecordView};
use serde_json::Value as Json;

use super::alone::give;
use super::{Day, MEETING, MISSING};
use crate::error::{Failure, Result};

impl Day {
    /// In-charge and beat officer edit one record offline; both values stay until one of them decides.
    pub(super) async fn edit(&mut self) -> Result<()> {
        let step = self.step("edit");
        self.chapter("edit")?;
        for device in ["in_charge", "beat"] {
            let record = self.only(device, MISSING)?.record;
            let answers = self.story.answers(&format!("edit_{device}"))?;
            let mut session = self.stage.of(device)?.profile.edit(&record)?;
            give(&mut session, &answers)?;
            session.finish()?;
            self.stage.clock.pass(300);
        }
        for device in ["in_charge", "beat", "in_charge"] {
            self.sync(device).await?;
        }
        self.both_survive()?;
        self.resolve().await?;
        self.end(step);
        Ok(())
    }

    fn both_survive(&mut self) -> Result<()> {
        let (mut kept, mut rows) = (true, Vec::new());
        let mut seen = Vec::new();
        for device in ["in_charge", "beat"] {
            let conflicts = self.stage.of(device)?.profile.conflicts()?;
            let view = self.view(device, MISSING)?;
            let conflict = &self.story.plot.conflict;
            let flagged = view.fields.iter().any(|field| field.name == conflict.field && field.conflict);
            let mut values: Vec<String> =
                conflicts.iter().flat_map(|c| &c.options).map(|option| option.value.clone()).collect();
            values.sort();
            kept &= conflicts.len() == 1 && values.len() == 2 && flagged;
            seen.push(values);
            rows.push(view.fields.iter().filter(|field| field.name == conflict.row_field).count());
        }
        kept &= seen.first() == seen.last();
        let wanted = self.story.plot.conflict.rows;
        self.teller.check("both_survive", kept, "2 + 2");
        self.teller.check("rows_stay", rows.iter().all(|n| *n == wanted), format!("{rows:?}"));
        Ok(())
    }

    async fn resolve(&mut self) -> Result<()> {
        let profile = self.stage.of("in_charge")?.profile.clone();
        let conflict = profile.conflicts()?.into_iter().next();
        if let Some(conflict) = conflict {
            let keep = conflict.options.last().map(|option| option.op.clone()).unwrap_or_default();
            profile.resolve(&conflict.record, &conflict.field, &Choice::Keep { op: keep })?;
        }
        self.sync("in_charge").await?;
        self.sync("beat").await?;
        let (one, other) = (self.view("in_charge", MISSING)?, self.view("beat", MISSING)?);
        let calm = |view: &RecordView| view.fields.iter().all(|field| !field.conflict);
        self.teller.check("converged", calm(&one) && one.fields == other.fields, "");
        Ok(())
    }

    /// The supervisor enters a meeting; the Labour nodal officer opens the action item and answers.
    pub(super) async fn meeting(&mut self) -> Result<()> {
        let step = self.step("meeting");
        self.chapter("meeting")?;
        let mut session = self.stage.of("supervisor")?.profile.start(MEETING)?;
        give(&mut session, &self.story.answers("meeting")?)?;
        session.finish()?;
        self.sync("supervisor").await?;
        self.chapter("labour")?;
        self.sync("labour").await?;
        let view = self.view("labour", MEETING)?;
        let action = self.story.plot.action.clone();
        let decisions = view.fields.iter().filter(|field| field.name == action.decision).count();
        let (what, due) = (one(&view, &action.what)?, one(&view, &action.due)?);
        let status = one(&view, &action.status)?;
        let kept = decisions == action.decisions && status.raw == action.from;
        self.teller.check("labour_item", kept, format!("«{}» → {}", what.value, due.value));
        let mut session = self.stage.of("labour")?.profile.edit(&view.record)?;
        session.answer(&status.field, &action.to)?;
        session.finish()?;
        self.sync("labour").await?;
        self.sync("supervisor").await?;
        let answered = self.view("supervisor", MEETING)?;
        let status = one(&answered, &action.status)?;
        let by = answered.history.last().map(|entry| entry.by.clone()).unwrap_or_default();
        self.teller.check("labour_answer", status.raw == action.to, format!("{}: {by}", status.value));
        self.end(step);
        Ok(())
    }

    /// The open page adds up what is open.
    pub(super) async fn open_page(&mut self) -> Result<()> {
        let step = self.step("open");
        let text = self.tap.get("/open.json").await?;
        let json: Json = serde_json::from_str(&text).map_err(|error| Failure::Data(error.to_string()))?;
        let page = self.tap.get("/").await?;
        let figures = &self.story.plot.figures;
        let at = |pointer: &str| json.pointer(pointer).cloned().unwrap_or_default();
        let shown = at(&format!("/open_missing/{}", figures.missing_district));
        let kept = at("/sessions_total") == figures.sessions
            && at(&format!("/sessions/{}", figures.campaign)) == figures.sessions
            && at("/people_total") == figures.people
            && shown == figures.missing_shown.as_str()
            && page.contains("<html");
        let seen = format!("{} / {} / {shown}", at("/sessions_total"), at("/people_total"));
        self.teller.check("figures", kept, seen);
        self.end(step);
        Ok(())
    }

    fn view(&self, device: &str, kind: &str) -> Result<RecordView> {
        let record = self.only(device, kind)?.record;
        Ok(self.stage.of(device)?.profile.show(&record)?)
    }
}

/// The first field of this name.
fn one(view: &RecordView, name: &str) -> Result<FieldView> {
    let found = view.fields.iter().find(|field| field.name == name);
    found.cloned().ok_or_else(|| Failure::Data(format!("the record shows no {name}")))
}
