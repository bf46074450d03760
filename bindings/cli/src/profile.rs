//! Commands of a person with a profile: fill, list, show, change, settle, send.
//!
//! Knows how to ask the core and print what it says. Every command opens the profile, does one thing and ends; nothing of
//! the PIN outlives it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use samanvay_records::answers::{self, Answers};
use samanvay_records::env::{Env, SystemClock};
use samanvay_records::view::{Choice, Filter, Place as Stands, RecordRow};
use samanvay_records::{FormSession, Lang, Profile, Profiles, SyncOptions};
use samanvay_vault::keystore::Hardware;
use samanvay_vault::{KdfParams, KeyStore, SoftKeyStore};
use serde_json::json;

use crate::args::{Command, Conflicts, Profile as ProfileCommand};
use crate::fail::{Failure, Outcome};
use crate::out::{Out, aside, line};
use crate::secret;

/// Where the profiles are and which one is meant.
pub(crate) struct Place {
    home: PathBuf,
    profile: Option<String>,
    pin_file: Option<PathBuf>,
    lang: Lang,
}

impl Place {
    pub(crate) fn new(home: PathBuf, profile: Option<String>, pin_file: Option<PathBuf>, lang: Lang) -> Self {
        Self { home, profile, pin_file, lang }
    }

    fn profiles(&self) -> Outcome<Profiles> {
        let store = SoftKeyStore::open(&self.home.join("key-store"))?;
        if store.properties().hardware == Hardware::None {
            aside(self.words(
                "चेतावनी: यह मशीन कुंजी को हार्डवेयर में नहीं रखती; जिसके पास यह फ़ोल्डर हो, वह पिन का अनुमान लगा सकता है।",
                "Warning: this machine keeps no key in hardware; whoever has this folder can guess at the PIN.",
            ));
        }
        let env = Env {
            clock: Arc::new(SystemClock),
            key_store: Arc::new(store),
            kdf: KdfParams::STANDARD,
            language: self.lang,
        };
        Ok(Profiles::open(&self.home.join("profiles"), env)?)
    }

    fn pin(&self) -> Outcome<String> {
        secret::read(self.pin_file.as_deref(), "SAMANVAY_PIN", self.words("पिन", "PIN"))
    }

    /// The profile that is meant, locked.
    fn locked(&self) -> Outcome<Profile> {
        let profiles = self.profiles()?;
        let all = profiles.list()?;
        let id = match &self.profile {
            Some(id) => all.iter().find(|one| one.id.starts_with(id.as_str())).map(|one| one.id.clone()),
            None if all.len() > 1 => return Err(Failure::usage("several profiles here: name one with --profile")),
            None => all.first().map(|one| one.id.clone()),
        };
        Ok(profiles.get(&id.ok_or_else(|| Failure::not_found("profile"))?)?)
    }

    fn unlocked(&self) -> Outcome<Profile> {
        let profile = self.locked()?;
        let report = profile.unlock(&self.pin()?)?;
        if report.rebuilt {
            aside(self.words(
                "डेटाबेस ख़राब था; सुरक्षा प्रति से फिर बनाया गया।",
                "The database was damaged and was made anew from the safety copy.",
            ));
        }
        Ok(profile)
    }

    fn words(&self, hi: &'static str, en: &'static str) -> &'static str {
        self.lang.pick(hi, en)
    }
}

pub(crate) async fn run(command: Command, place: &Place, out: Out) -> Outcome {
    match command {
        Command::Profile(command) => profiles(command, place, out),
        Command::Enrol { code } => enrol(&code, place, out).await,
        Command::Forms { schemas: Some(folder) } => schemas(&folder, out),
        Command::Forms { schemas: None } => forms(place, out),
        Command::New { kind, answers } => {
            let profile = place.unlocked()?;
            fill(profile.start(&kind)?, &answers, out)
        }
        Command::Edit { record, answers } => {
            let profile = place.unlocked()?;
            fill(profile.edit(&find(&profile, &record)?)?, &answers, out)
        }
        Command::Drafts { discard } => drafts(discard, place, out),
        Command::List { kind } => list(kind, place, out),
        Command::Show { record } => show(&record, place, out),
        Command::Conflicts(command) => conflicts(&command, place, out),
        Command::Sync { locked } => sync(locked, place, out).await,
        Command::Status => status(&place.unlocked()?, out),
        Command::Export { record } => {
            let profile = place.unlocked()?;
            let record = record.map(|record| find(&profile, &record)).transpose()?;
            line(&profile.export(record.as_deref())?);
            Ok(())
        }
        Command::Admin(_) => Err(Failure::internal("an admin command in the wrong place")),
    }
}

fn profiles(command: ProfileCommand, place: &Place, out: Out) -> Outcome {
    match command {
        ProfileCommand::New { label } => {
            let profile = place.profiles()?.create(&label, &place.pin()?)?;
            let fingerprint = profile.fingerprint(place.lang)?;
            let json = json!({ "profile": profile.id(), "device": profile.device_id()?, "fingerprint": fingerprint });
            out.show(&json, [format!("{}  {fingerprint}", profile.id())]);
        }
        ProfileCommand::List => {
            let all = place.profiles()?.list()?;
            let json = json!(all.iter().map(|one| json!({ "id": one.id, "label": one.label })).collect::<Vec<_>>());
            let rows: Vec<_> = all.into_iter().map(|one| vec![one.id, one.label]).collect();
            out.table(&json, &[place.words("प्रोफ़ाइल", "profile"), place.words("नाम", "label")], &rows);
        }
        ProfileCommand::Unlock => status(&place.unlocked()?, out)?,
        ProfileCommand::ChangePin { new_pin_file } => {
            let profile = place.locked()?;
            let old = place.pin()?;
            profile.unlock(&old)?;
            let new = secret::read(new_pin_file.as_deref(), "SAMANVAY_NEW_PIN", place.words("नया पिन", "New PIN"))?;
            profile.change_pin(&old, &new)?;
            out.show(&json!({ "changed": true }), [place.words("पिन बदल गया।", "The PIN was changed.").to_owned()]);
        }
    }
    Ok(())
}

async fn enrol(code: &str, place: &Place, out: Out) -> Outcome {
    let code = match code.strip_prefix('@') {
        Some(file) => fs::read_to_string(file).map_err(|_| Failure::not_found("file of an invite"))?,
        None => code.to_owned(),
    };
    let profile = place.unlocked()?;
    let enrolled = profile.enrol(code.trim()).await?;
    let json = json!({
        "device": profile.device_id()?,
        "fingerprint": enrolled.device_fingerprint,
        "hub_fingerprint": enrolled.hub_fingerprint,
        "invited_by": enrolled.invited_by,
    });
    out.show(
        &json,
        [
            format!("{}: {}", place.words("इस उपकरण के अंक", "This device"), enrolled.device_fingerprint),
            format!("{}: {}", place.words("केंद्र के अंक", "The hub"), enrolled.hub_fingerprint),
            format!("{}: {}", place.words("निमंत्रण देने वाले", "Invited by"), enrolled.invited_by),
        ],
    );
    Ok(())
}

/// The schemas that a hub needs to check open streams with.
fn schemas(folder: &Path, out: Out) -> Outcome {
    let disk = |_| Failure::internal("the folder cannot be written to");
    fs::create_dir_all(folder).map_err(disk)?;
    let mut names = Vec::new();
    for schema in samanvay_records::kinds::all().iter().flat_map(samanvay_records::kinds::Kind::schemas) {
        let name = format!("{}-{}.schema", schema.form_id(), schema.id().hex());
        fs::write(folder.join(&name), schema.encode()).map_err(disk)?;
        names.push(name);
    }
    out.show(&json!(names), names.iter().cloned());
    Ok(())
}

fn forms(place: &Place, out: Out) -> Outcome {
    let kinds = place.unlocked()?.kinds()?;
    let each = |one: &samanvay_records::view::KindInfo| json!({ "kind": one.kind, "title": one.title, "may_start": one.may_start, "why_not": one.why_not });
    let json = json!(kinds.iter().map(each).collect::<Vec<_>>());
    let rows: Vec<_> = kinds
        .into_iter()
        .map(|one| {
            let may = if one.may_start { "✓".to_owned() } else { one.why_not.unwrap_or_default() };
            vec![one.kind, one.title, may]
        })
        .collect();
    out.table(&json, &[place.words("प्रकार", "kind"), place.words("फ़ॉर्म", "form"), ""], &rows);
    Ok(())
}

/// Fills and finishes a form. What was taken stays as a draft if something is missing.
fn fill(mut session: FormSession, file: &Path, out: Out) -> Outcome {
    let text = fs::read_to_string(file).map_err(|_| Failure::not_found("file of answers"))?;
    let answers = Answers::read(&text)?;
    if let Err(refusals) = answers::fill(&mut session, &answers)? {
        return Err(Failure::refused(&refusals));
    }
    let record = session.finish()?;
    out.show(&json!({ "record": record }), [record.clone()]);
    Ok(())
}

fn drafts(discard: Option<String>, place: &Place, out: Out) -> Outcome {
    let profile = place.unlocked()?;
    if let Some(draft) = discard {
        profile.discard(&draft)?;
    }
    let all = profile.drafts()?;
    let each = |one: &samanvay_records::view::DraftInfo| json!({ "draft": one.draft, "kind": one.kind, "title": one.title, "record": one.record, "updated": one.updated });
    let json = json!(all.iter().map(each).collect::<Vec<_>>());
    let rows: Vec<_> = all.into_iter().map(|one| vec![one.draft, one.title]).collect();
    out.table(&json, &[place.words("अधूरा", "draft"), place.words("फ़ॉर्म", "form")], &rows);
    Ok(())
}

fn stands(row: Stands, place: &Place) -> &'static str {
    match row {
        Stands::OnPhone => place.words("इस मशीन पर", "here"),
        Stands::OnHub => place.words("केंद्र पर", "at the hub"),
        Stands::NeedsYou => place.words("आपकी ज़रूरत", "needs you"),
    }
}

fn list(kind: Option<String>, place: &Place, out: Out) -> Outcome {
    let rows = place.unlocked()?.list(&Filter { kind, ..Filter::default() })?;
    let each = |row: &RecordRow| {
        json!({
            "record": row.record, "kind": row.kind, "title": row.title, "line": row.line, "updated": row.updated,
            "place": stands(row.place, place), "conflicts": row.conflicts,
        })
    };
    let json = json!(rows.iter().map(each).collect::<Vec<_>>());
    let cells: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let flag = if row.conflicts > 0 { format!("⚠ {}", row.conflicts) } else { String::new() };
            let short = row.record.chars().take(8).collect();
            vec![short, row.title, row.line, stands(row.place, place).to_owned(), flag]
        })
        .collect();
    let head = [
        place.words("अभिलेख", "record"),
        place.words("शीर्षक", "title"),
        place.words("सार", "line"),
        place.words("कहाँ", "where"),
        "",
    ];
    out.table(&json, &head, &cells);
    Ok(())
}

/// The record whose id begins so; there must be one.
fn find(profile: &Profile, beginning: &str) -> Outcome<String> {
    let rows = profile.list(&Filter { limit: u32::MAX, ..Filter::default() })?;
    let mut found = rows.into_iter().map(|row| row.record).filter(|id| id.starts_with(beginning));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Failure::usage("several records begin so: give more of the id")),
        (one, _) => one.ok_or_else(|| Failure::not_found("record")),
    }
}

fn show(record: &str, place: &Place, out: Out) -> Outcome {
    let profile = place.unlocked()?;
    let view = profile.show(&find(&profile, record)?)?;
    let field = |one: &samanvay_records::view::FieldView| {
        json!({
            "field": one.field, "name": one.name, "label": one.label, "value": one.value, "raw": one.raw,
            "rows": one.rows, "class": one.class, "coarse": one.coarse, "conflict": one.conflict,
            "doubtful": one.doubtful,
        })
    };
    let event = |one: &samanvay_records::view::HistoryEntry| json!({ "by": one.by, "at": one.at, "what": one.what });
    let route = |one: &samanvay_records::view::RouteView| json!({ "stream": one.stream, "role": one.role });
    let json = json!({
        "record": view.record, "kind": view.kind, "title": view.title, "line": view.line,
        "place": stands(view.place, place), "hidden": view.hidden, "doubts": view.doubts,
        "fields": view.fields.iter().map(field).collect::<Vec<_>>(),
        "history": view.history.iter().map(event).collect::<Vec<_>>(),
        "routes": view.routes.iter().map(route).collect::<Vec<_>>(),
    });
    let mut lines = vec![view.title, view.line];
    lines.extend(view.doubts.into_iter().map(|doubt| format!("⚠ {doubt}")));
    lines.push(String::new());
    for one in view.fields {
        let row: Vec<String> = one.rows.iter().map(|row| format!("[{row}] ")).collect();
        let row = row.concat();
        let flag = if one.conflict || one.doubtful { " ⚠" } else { "" };
        lines.push(format!("{row}{}: {}{flag}", one.label, one.value));
    }
    lines.push(String::new());
    lines.extend(view.history.into_iter().map(|one| format!("{}  {}  {}", one.time, one.by, one.what)));
    out.show(&json, lines);
    Ok(())
}

fn conflicts(command: &Conflicts, place: &Place, out: Out) -> Outcome {
    let profile = place.unlocked()?;
    let only = command.record.as_ref().map(|record| find(&profile, record)).transpose()?;
    let mut all = profile.conflicts()?;
    all.retain(|one| only.as_ref().is_none_or(|record| one.record == *record));
    if let Some(field) = &command.resolve {
        let found = all.iter().find(|one| one.field == *field).ok_or_else(|| Failure::not_found("conflict"))?;
        let choice = match (&command.write, command.keep) {
            (Some(text), _) => Choice::Write { text: text.clone() },
            (None, Some(number)) => {
                let option = number.checked_sub(1).and_then(|at| found.options.get(at));
                Choice::Keep { op: option.ok_or_else(|| Failure::not_found("value of that number"))?.op.clone() }
            }
            (None, None) => return Err(Failure::usage("say --keep N or --write TEXT")),
        };
        profile.resolve(&found.record, field, &choice)?;
        out.show(&json!({ "resolved": true }), [place.words("निपटाया गया।", "Settled.").to_owned()]);
        return Ok(());
    }
    let option =
        |one: &samanvay_records::view::ConflictOption| json!({ "value": one.value, "by": one.by, "at": one.at });
    let each = |one: &samanvay_records::view::ConflictView| {
        json!({
            "record": one.record, "title": one.title, "field": one.field, "label": one.label,
            "options": one.options.iter().map(option).collect::<Vec<_>>(),
        })
    };
    let json = json!(all.iter().map(each).collect::<Vec<_>>());
    let mut lines = Vec::new();
    for one in all {
        lines.push(format!("{}  {}  ({})", one.title, one.label, one.field));
        let options = one.options.into_iter().enumerate();
        lines.extend(options.map(|(at, option)| format!("  {}. {}  — {}", at + 1, option.value, option.by)));
    }
    out.show(&json, lines);
    Ok(())
}

async fn sync(locked: bool, place: &Place, out: Out) -> Outcome {
    if locked {
        let report = place.locked()?.sync_frames_locked().await?;
        let json = json!({ "sent_segments": report.sent_segments, "left": report.left, "bytes_up": report.bytes_up });
        out.show(&json, [format!("{} ↑ {}", report.sent_segments, report.bytes_up)]);
        return Ok(());
    }
    let report = place.unlocked()?.sync(&SyncOptions::default()).await?;
    let refused = |one: &samanvay_records::view::RefusedSegment| json!({ "stream": one.stream, "reason": one.reason });
    let json = json!({
        "sent_ops": report.sent_ops, "received_ops": report.received_ops, "bytes_up": report.bytes_up,
        "bytes_down": report.bytes_down, "rounds": report.rounds, "kept_aside": report.kept_aside,
        "refused": report.refused.iter().map(refused).collect::<Vec<_>>(),
    });
    let mut lines = vec![format!(
        "{} {} · {} {} · ↑ {} B ↓ {} B",
        place.words("भेजे", "sent"),
        report.sent_ops,
        place.words("आए", "received"),
        report.received_ops,
        report.bytes_up,
        report.bytes_down
    )];
    lines.extend(report.refused.iter().map(|one| format!("✗ {}", one.reason)));
    lines.extend(report.kept_aside.iter().map(|one| format!("✗ {one}")));
    out.show(&json, lines);
    if report.refused.is_empty() { Ok(()) } else { Err(Failure { code: 6, lines: Vec::new() }) }
}

fn status(profile: &Profile, out: Out) -> Outcome {
    let status = profile.status()?;
    let json = json!({
        "profile": profile.id(), "device": profile.device_id()?, "enrolled": status.enrolled,
        "unsent_ops": status.unsent_ops, "last_success": status.last_success, "problem": status.problem,
    });
    let lang = profile.language();
    let mut lines = vec![
        format!("{}: {}", lang.pick("प्रोफ़ाइल", "profile"), profile.id()),
        format!("{}: {}", lang.pick("उपकरण के अंक", "device"), profile.fingerprint(lang)?),
        format!("{}: {}", lang.pick("केंद्र से जुड़ा", "enrolled"), if status.enrolled { "✓" } else { "✗" }),
        format!("{}: {}", lang.pick("भेजना बाकी", "unsent"), status.unsent_ops),
    ];
    lines.extend(status.problem.map(|problem| format!("⚠ {problem}")));
    out.show(&json, lines);
    Ok(())
}
