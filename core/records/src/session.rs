//! Filling in a form: the engine's session, with every accepted answer on disk before the call returns.
//!
//! Knows the form engine and drafts; the rules are the form's. Invariant: what a person was told is taken is in the draft
//! log; a session that is dropped can be resumed from it. Start at [`FormSession`].

use std::collections::BTreeSet;

use samanvay_forms::errors::AnswerError;
use samanvay_forms::{Answer, FieldRef, Kind as FieldKind, RowId, Session};
use samanvay_sync::bytes::hex;
use samanvay_sync::id::{OpId, RecordId};
use samanvay_sync::merge::RecordState;

use crate::diff::Filled;
use crate::drafts::{Step, What};
use crate::entries::DraftId;
use crate::error::{Problem, RecordsError, Result};
use crate::kinds::Kind;
use crate::profile::Profile;
use crate::reference;
use crate::saving::Form;
use crate::text::Lang;

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum QuestionKind {
    /// Free text.
    Text,
    /// Whole number.
    Int,
    /// Decimal number.
    Decimal,
    /// One of a list.
    Choice,
    /// Several of a list; the answer is their codes with spaces between.
    Choices,
    /// Date, `YYYY-MM-DD`.
    Date,
    /// Time of day, `HH:MM`.
    Time,
    /// Date and time.
    DateTime,
    /// A text that is shown and not answered.
    Note,
}

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ChoiceItem {
    /// Code to answer with.
    pub value: String,
    /// Words to show.
    pub label: String,
}

/// One question as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Question {
    /// Reference for `answer` and `jump`.
    pub field: String,
    /// Name in the form; answer files use it.
    pub name: String,
    /// The question.
    pub label: String,
    /// Further words.
    pub hint: Option<String>,
    /// What is asked for.
    pub kind: QuestionKind,
    /// Class letter: `A`, `B`, `C`, `V`, `M`, or `VM` if the form gives none.
    pub class: String,
    /// Appearance words of the form.
    pub appearance: String,
    /// The items offered now.
    pub choices: Vec<ChoiceItem>,
    /// The answer so far, as `answer` would take it.
    pub value: Option<String>,
    /// Whether an answer must be given.
    pub required: bool,
    /// Whether it cannot be answered.
    pub readonly: bool,
    /// What is wrong with the answer so far.
    pub error: Option<String>,
}

/// A place where a row can be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RepeatPrompt {
    /// Reference for `add_repeat`.
    pub field: String,
    /// Name of the repeat.
    pub label: String,
    /// Rows there are.
    pub count: u32,
}

/// One screen of a form.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Page {
    /// The form's title.
    pub form: String,
    /// Labels of groups and rows around, outermost first.
    pub titles: Vec<String>,
    /// The questions.
    pub questions: Vec<Question>,
    /// Where rows can be added from here.
    pub repeats: Vec<RepeatPrompt>,
    /// Number of this page, from 1.
    pub number: u32,
    /// Pages with the answers so far.
    pub count: u32,
}

/// Why an answer was not taken.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    Rule(AnswerError),
    Unknown,
    WrongShape,
}

/// One form being filled in, for a new record or an existing one.
pub struct FormSession {
    profile: Profile,
    kind: &'static Kind,
    session: Session,
    draft: DraftId,
    record: Option<RecordId>,
    base: Option<RecordState>,
    base_ops: Vec<OpId>,
    /// Steps taken and not yet on disk.
    pending: Vec<What>,
    /// Rows that the draft log knows, so that a resumed draft has them in this order.
    noted: BTreeSet<FieldRef>,
    begun: bool,
    ended: bool,
    lang: Lang,
}

/// What a session is opened with.
pub(crate) struct Opening {
    pub(crate) kind: &'static Kind,
    pub(crate) session: Session,
    pub(crate) draft: DraftId,
    pub(crate) record: Option<RecordId>,
    pub(crate) base: Option<RecordState>,
    pub(crate) base_ops: Vec<OpId>,
    /// Whether the draft is on disk already.
    pub(crate) begun: bool,
}

impl FormSession {
    pub(crate) fn open(profile: Profile, lang: Lang, opening: Opening) -> Self {
        let Opening { kind, session, draft, record, base, base_ops, begun } = opening;
        // A resumed draft's rows are in its log, an edited record's in the record.
        let noted = if begun || record.is_some() { session.rows().into_iter().collect() } else { BTreeSet::new() };
        let (pending, ended) = (Vec::new(), false);
        Self { profile, kind, session, draft, record, base, base_ops, pending, noted, begun, ended, lang }
    }

    /// The kind of record.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// The draft's id, for `resume` and `discard`.
    pub fn draft(&self) -> String {
        hex(&self.draft)
    }

    /// The record that is edited, if any.
    pub fn record(&self) -> Option<String> {
        self.record.map(|record| record.hex())
    }

    /// The page the form is open at.
    pub fn page(&mut self) -> Page {
        let page = self.session.page();
        Page {
            form: self.kind.form().title(self.lang.code()).to_owned(),
            titles: page.titles,
            questions: page.questions.into_iter().map(question).collect(),
            repeats: page
                .repeats
                .into_iter()
                .map(|prompt| RepeatPrompt {
                    field: reference::show(&prompt.repeat),
                    label: prompt.label,
                    count: u32::try_from(prompt.count).unwrap_or(u32::MAX),
                })
                .collect(),
            number: u32::try_from(page.number).unwrap_or(u32::MAX),
            count: u32::try_from(page.count).unwrap_or(u32::MAX),
        }
    }

    /// Every question that applies now, in the order of the form.
    pub fn questions(&mut self) -> Vec<Question> {
        self.session.questions().into_iter().map(question).collect()
    }

    /// One page on; false at the last.
    #[expect(clippy::should_implement_trait, reason = "turns a page; nobody iterates over a form")]
    pub fn next(&mut self) -> bool {
        self.session.next()
    }

    /// One page back; false at the first.
    pub fn previous(&mut self) -> bool {
        self.session.previous()
    }

    /// Opens the page of a question; false if there is none.
    pub fn jump(&mut self, field: &str) -> bool {
        reference::parse(field).is_some_and(|place| self.session.jump(&place))
    }

    /// Switches the language of labels and messages.
    pub fn set_language(&mut self, lang: Lang) {
        self.lang = lang;
        self.session.set_language(lang.code());
    }

    /// Takes an answer as typed; empty text takes the answer back. On disk when this returns.
    ///
    /// # Errors
    /// [`RecordsError::Answer`] with the form's words if it is refused; [`RecordsError::NotFound`] for a reference that leads
    /// nowhere; [`RecordsError::Vault`] if the disk refused (then call again).
    pub fn answer(&mut self, field: &str, text: &str) -> Result<()> {
        let place = reference::parse(field).ok_or(RecordsError::NotFound("question"))?;
        self.give(&place, Answer::Text(text.to_owned())).map_err(|refused| self.error(&refused))?;
        self.keep()
    }

    /// Adds a row to a repeat; gives the row's reference, for `remove_repeat` and `jump`.
    ///
    /// # Errors
    /// As [`FormSession::answer`].
    pub fn add_repeat(&mut self, field: &str) -> Result<String> {
        let place = reference::parse(field).ok_or(RecordsError::NotFound("repeat"))?;
        let row = self.give_row(&place).map_err(|refused| self.error(&refused))?;
        self.keep()?;
        let rows = place.rows.into_iter().chain([row]).collect();
        Ok(reference::show(&FieldRef { field: place.field, rows }))
    }

    /// Removes a row.
    ///
    /// # Errors
    /// As [`FormSession::answer`].
    pub fn remove_repeat(&mut self, row: &str) -> Result<()> {
        let place = reference::parse(row).ok_or(RecordsError::NotFound("row"))?;
        self.refresh_clock();
        self.session.remove_repeat(&place).map_err(|e| self.error(&Refused::Rule(e)))?;
        self.pending.push(What::Row { place, there: false });
        self.keep()
    }

    /// What stands in the way of finishing.
    pub fn validate(&mut self) -> Vec<Problem> {
        self.refresh_clock();
        self.session.validate().into_iter().map(problem).collect()
    }

    /// Makes the answers a record, or a change of the one that is edited, and ends the draft: one save. Gives the record's id.
    ///
    /// # Errors
    /// [`RecordsError::Incomplete`] with what is missing; [`RecordsError::NotAllowed`] if this post may not write there (any
    /// more); [`RecordsError::Vault`] if the disk refused. The draft stays.
    pub fn finish(&mut self) -> Result<String> {
        if self.ended {
            return Err(RecordsError::NotFound("draft"));
        }
        self.refresh_clock();
        let finished = self
            .session
            .finish()
            .map_err(|problems| RecordsError::Incomplete { problems: problems.into_iter().map(problem).collect() })?;
        let filled = Filled { values: finished.values.into_iter().collect(), rows: finished.rows };
        let draft = self.begun.then_some(self.draft);
        let kept = self.session.skipped().to_vec();
        let record = self.profile.save_form(&Form {
            kind: self.kind,
            record: self.record,
            base: self.base.as_ref(),
            filled: &filled,
            kept: &kept,
            settles: None,
            draft,
        })?;
        self.ended = true;
        Ok(record.hex())
    }

    /// Answers the cell of a conflict and saves that at once, without asking whether the rest of the form would pass today.
    pub(crate) fn settle(&mut self, place: &FieldRef, answer: Answer, replaces: Vec<OpId>) -> Result<()> {
        self.refresh_clock();
        self.session.answer(place, answer).map_err(|e| self.error(&Refused::Rule(e)))?;
        let filled = Filled { values: self.session.values().into_iter().collect(), rows: self.session.rows() };
        let kept = self.session.skipped().to_vec();
        self.profile.save_form(&Form {
            kind: self.kind,
            record: self.record,
            base: self.base.as_ref(),
            filled: &filled,
            kept: &kept,
            settles: Some((place.clone(), replaces)),
            draft: None,
        })?;
        self.ended = true;
        Ok(())
    }

    /// Gives an answer without writing it down yet.
    pub(crate) fn give(&mut self, place: &FieldRef, answer: Answer) -> std::result::Result<(), Refused> {
        self.refresh_clock();
        let changed = self.session.answer(place, answer).map_err(Refused::Rule)?;
        self.pending.push(What::Cell { place: place.clone(), value: changed.value });
        Ok(())
    }

    /// Adds a row without writing it down yet.
    pub(crate) fn give_row(&mut self, place: &FieldRef) -> std::result::Result<RowId, Refused> {
        self.refresh_clock();
        self.note_rows();
        let row = self.session.add_repeat(place).map_err(Refused::Rule)?;
        let rows = place.rows.iter().copied().chain([row]).collect();
        let place = FieldRef { field: place.field, rows };
        self.noted.insert(place.clone());
        self.pending.push(What::Row { place, there: true });
        Ok(row)
    }

    /// Puts rows that the form made by itself into the draft log, before anything that comes after them.
    fn note_rows(&mut self) {
        for place in self.session.rows() {
            if self.noted.insert(place.clone()) {
                self.pending.push(What::Row { place, there: true });
            }
        }
    }

    /// Writes down what was given, in one save.
    pub(crate) fn keep(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if !self.begun {
            self.note_rows();
        }
        let seconds = self.profile.now().seconds();
        let begin = (!self.begun).then(|| What::Begin {
            kind: self.kind.name().to_owned(),
            record: self.record,
            base: self.base_ops.clone(),
        });
        let whats = begin.into_iter().chain(self.pending.iter().cloned());
        let steps: Vec<Step> = whats.map(|what| Step { draft: self.draft, seconds, what }).collect();
        self.profile.save_steps(&steps)?;
        self.begun = true;
        self.pending.clear();
        Ok(())
    }

    /// A refusal in the person's words.
    pub(crate) fn words(&self, refused: &Refused) -> String {
        let lang = self.lang;
        match refused {
            Refused::Rule(AnswerError::Readonly) => {
                lang.pick("यह अपने आप भरता है।", "This is filled in by itself.").to_owned()
            }
            Refused::Rule(AnswerError::NotRelevant) => {
                lang.pick("इन उत्तरों के साथ यह नहीं पूछा जाता।", "This is not asked with these answers.").to_owned()
            }
            Refused::Rule(AnswerError::UnknownField) | Refused::Unknown => {
                lang.pick("इस प्रपत्र में ऐसा कोई प्रश्न नहीं है।", "There is no such question in this form.").to_owned()
            }
            Refused::Rule(error) => error.to_string(),
            Refused::WrongShape => lang
                .pick("इस प्रश्न का उत्तर इस रूप में नहीं दिया जा सकता।", "This question is not answered in this way.")
                .to_owned(),
        }
    }

    /// The label of a question that applies now.
    pub(crate) fn label(&mut self, place: &FieldRef) -> Option<String> {
        self.session.questions().into_iter().find(|q| q.field == *place).map(|q| q.label)
    }

    fn error(&self, refused: &Refused) -> RecordsError {
        match refused {
            Refused::Rule(AnswerError::UnknownField) => RecordsError::NotFound("question"),
            other => RecordsError::Answer { message: self.words(other) },
        }
    }

    fn refresh_clock(&mut self) {
        let now = self.profile.now();
        self.session.set_now(now.millis, offset(now.offset_minutes));
    }
}

/// Offset from UTC as the form engine takes it.
pub(crate) fn offset(minutes: i32) -> i16 {
    i16::try_from(minutes).unwrap_or(0)
}

fn problem(problem: samanvay_forms::view::Problem) -> Problem {
    Problem { field: reference::show(&problem.field), label: problem.label, message: problem.message }
}

fn question(q: samanvay_forms::view::Question) -> Question {
    Question {
        field: reference::show(&q.field),
        name: q.name,
        label: q.label,
        hint: q.hint,
        kind: question_kind(q.kind),
        class: class_letter(q.class).to_owned(),
        appearance: q.appearance,
        choices: q.choices.into_iter().map(|c| ChoiceItem { value: c.value, label: c.label }).collect(),
        value: q.value.map(|value| value.to_text()),
        required: q.required,
        readonly: q.readonly,
        error: q.error,
    }
}

/// A class as one letter; two for a field without one.
pub(crate) fn class_letter(class: samanvay_forms::Class) -> &'static str {
    use samanvay_forms::Class;
    match class {
        Class::A => "A",
        Class::B => "B",
        Class::C => "C",
        Class::V => "V",
        Class::M => "M",
        Class::Unset => "VM",
    }
}

fn question_kind(kind: FieldKind) -> QuestionKind {
    match kind {
        FieldKind::Text => QuestionKind::Text,
        FieldKind::Int => QuestionKind::Int,
        FieldKind::Decimal => QuestionKind::Decimal,
        FieldKind::Choice => QuestionKind::Choice,
        FieldKind::Choices => QuestionKind::Choices,
        FieldKind::Date => QuestionKind::Date,
        FieldKind::Time => QuestionKind::Time,
        FieldKind::DateTime => QuestionKind::DateTime,
        FieldKind::Note | FieldKind::Repeat => QuestionKind::Note,
    }
}
