//! What people do alone and without a network: fill in forms, and make mistakes.

use samanvay_records::answers::{Answers, fill};
use samanvay_records::view::Place;
use samanvay_records::{FormSession, RecordsError};

use super::story::Mistake;
use super::{Day, MISSING, SESSION, form_words};
use crate::error::{Failure, Result};

impl Day {
    /// The NGO worker enters two sessions.
    pub(super) fn ngo(&mut self) -> Result<()> {
        let step = self.step("ngo");
        self.requests_before = self.tap.requests();
        self.chapter("ngo")?;
        for answers in ["session_betul", "session_bhopal"] {
            let answers = self.story.answers(answers)?;
            let mut session = self.stage.of("ngo")?.profile.start(SESSION)?;
            give(&mut session, &answers)?;
            session.finish()?;
        }
        self.end(step);
        Ok(())
    }

    /// The beat officer enters a report, with the mistakes that people make.
    pub(super) fn beat(&mut self) -> Result<()> {
        let step = self.step("beat");
        self.chapter("beat")?;
        let mut session = self.stage.of("beat")?.profile.start(MISSING)?;
        for mistake in self.story.mistakes.constraints.clone() {
            self.refused(&mut session, &mistake)?;
        }
        give(&mut session, &self.story.answers("missing_child")?)?;
        self.incomplete(&mut session)?;
        let reason = self.story.mistakes.refused_reason.clone();
        self.refused(&mut session, &reason)?;
        for (field, answer) in self.story.mistakes.put_right.clone() {
            let field = reference(&mut session, &field)?;
            session.answer(&field, &answer)?;
        }
        let record = session.finish()?;
        let profile = &self.stage.of("beat")?.profile;
        let view = profile.show(&record)?;
        let digits = &self.story.mistakes.digits;
        let stored = view.fields.iter().any(|field| field.name == digits.field && field.raw == digits.stored);
        let unsent = profile.status()?.unsent_ops;
        self.teller.check("digits", stored, "");
        self.teller.check("on_phone", view.place == Place::OnPhone && unsent > 0, "");
        let requests = self.tap.requests() - self.requests_before;
        self.teller.check("offline", requests == 0, requests.to_string());
        self.end(step);
        Ok(())
    }

    /// An answer that must be refused in the form's own words and change nothing.
    fn refused(&mut self, session: &mut FormSession, mistake: &Mistake) -> Result<()> {
        let words = form_words::message(MISSING, &mistake.field, "constraintMsg", self.lang.code())?;
        let field = reference(session, &mistake.field)?;
        let refusal = session.answer(&field, &mistake.answer);
        let kept = matches!(&refusal, Err(RecordsError::Answer { message }) if *message == words);
        let untouched = question(session, &mistake.field).is_some_and(|question| question.value.is_none());
        let seen = format!("{} «{words}»", self.teller.word("form_says"));
        self.teller.check(&mistake.check, kept && untouched, seen);
        Ok(())
    }

    /// A form that must not be finished, for the reasons that the form itself gives.
    fn incomplete(&mut self, session: &mut FormSession) -> Result<()> {
        let problems = match session.finish() {
            Err(RecordsError::Incomplete { problems }) => problems,
            Err(error) => return Err(error.into()),
            Ok(_) => Vec::new(),
        };
        for omission in self.story.mistakes.omissions.clone() {
            let words = form_words::message(MISSING, &omission.field, "requiredMsg", self.lang.code())?;
            let kept = problems.iter().any(|problem| problem.message == words);
            let seen = format!("{} «{words}»", self.teller.word("form_says"));
            self.teller.check(&omission.check, kept, seen);
        }
        Ok(())
    }
}

/// Gives answers that must all be taken.
pub(super) fn give(session: &mut FormSession, answers: &Answers) -> Result<()> {
    fill(session, answers)?.map_err(|refusals| {
        let words: Vec<String> =
            refusals.into_iter().map(|refusal| format!("{}: {}", refusal.field, refusal.message)).collect();
        Failure::Data(words.join("; "))
    })
}

fn question(session: &mut FormSession, name: &str) -> Option<samanvay_records::view::Question> {
    session.questions().into_iter().find(|question| question.name == name)
}

/// The reference of a question that is asked now.
fn reference(session: &mut FormSession, name: &str) -> Result<String> {
    question(session, name).map(|question| question.field).ok_or_else(|| Failure::Data(format!("{name} is not asked")))
}
