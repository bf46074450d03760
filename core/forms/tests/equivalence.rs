//! Keeping up to date step by step gives what working everything out anew gives.
//!
//! Knows: random answers from a printed seed. Refuses to know: which answers make sense. Invariant: after any sequence
//! of answers, added and removed rows, a session restored from its own values has the same values, rows, problems and result.
//! Start at [`walk`].
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{context, try_compile, xml};
use samanvay_forms::view::Question;
use samanvay_forms::{FieldRef, Form, Kind, Session};
use std::sync::Arc;

/// A xorshift generator: the same seed gives the same walk.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

fn guess(dice: &mut Dice, question: &Question) -> String {
    let texts = ["", "सीता", "९", "17", "3", "0", "2500", "yes"];
    let times = ["20-11-2026 11:00", "20-11-2026 12:30", "01-10-2026 09:00", "21-11-2026 10:29"];
    let dates = ["20-11-2026", "01-12-2026", "15-08-2015"];
    match question.kind {
        Kind::Choice | Kind::Choices if !question.choices.is_empty() => {
            question.choices[dice.roll(question.choices.len())].value.clone()
        }
        Kind::Date => dates[dice.roll(dates.len())].to_owned(),
        Kind::DateTime => times[dice.roll(times.len())].to_owned(),
        _ => texts[dice.roll(texts.len())].to_owned(),
    }
}

/// One random step.
fn step(dice: &mut Dice, session: &mut Session) {
    let repeats: Vec<u32> = session.form().fields().iter().filter(|f| f.kind == Kind::Repeat).map(|f| f.id).collect();
    match dice.roll(10) {
        0 if !repeats.is_empty() => {
            let field = repeats[dice.roll(repeats.len())];
            let rows = session.rows();
            let around = if rows.is_empty() { Vec::new() } else { rows[dice.roll(rows.len())].rows.clone() };
            // Some of these addresses lead nowhere; then nothing may happen.
            for depth in 0..=around.len() {
                let _ = session.add_repeat(&FieldRef { field, rows: around[..depth].to_vec() });
            }
        }
        1 => {
            let rows = session.rows();
            if !rows.is_empty() {
                session.remove_repeat(&rows[dice.roll(rows.len())]).unwrap();
            }
        }
        _ => {
            let questions = session.questions();
            let question = &questions[dice.roll(questions.len())];
            let _ = session.answer(&question.field, guess(dice, question).as_str());
        }
    }
}

fn walk(form: &Arc<Form>, seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    let mut session = Session::new(form.clone(), context(), "hi");
    for _ in 0..steps {
        step(&mut dice, &mut session);
    }
    let mut again = Session::restore(form.clone(), session.values(), session.rows(), context(), "hi");
    assert!(again.skipped().is_empty(), "seed {seed}");
    assert_eq!(again.values(), session.values(), "seed {seed}");
    assert_eq!(again.rows(), session.rows(), "seed {seed}");
    assert_eq!(again.validate(), session.validate(), "seed {seed}");
    assert_eq!(again.finish(), session.finish(), "seed {seed}");
}

#[test]
fn nested_rows_with_sums_positions_and_filters_stay_up_to_date() {
    let model = r#"<instance id="t"><root><item><name>a</name><k>1</k></item><item><name>b</name><k>2</k></item><item><name>c</name><k>1</k></item></root></instance>
<bind nodeset="/data/on" type="int"/><bind nodeset="/data/h" relevant="/data/on > 2"/><bind nodeset="/data/h/n" type="int"/>
<bind nodeset="/data/h/c/age" type="int" relevant="../../n != 3"/><bind nodeset="/data/h/c/pick" relevant="../age > 2"/>
<bind nodeset="/data/h/c/pos" type="int" calculate="position(..) * 10 + position(../..)"/>
<bind nodeset="/data/h/sum" type="int" calculate="sum(../c/age) + /data/on"/>
<bind nodeset="/data/all" type="int" calculate="sum(/data/h/sum) + count(/data/h/c[age > 5])"/>
<bind nodeset="/data/names" calculate="join(',', /data/h/c/pick)"/><bind nodeset="/data/second" calculate="indexed-repeat(/data/h/n, /data/h, 2)"/>"#;
    let body = r#"<input ref="/data/on"><label>o</label></input><repeat nodeset="/data/h"><input ref="/data/h/n"><label>n</label></input>
<repeat nodeset="/data/h/c"><input ref="/data/h/c/age"><label>a</label></input>
<select1 ref="/data/h/c/pick"><label>p</label><itemset nodeset="instance('t')/root/item[k = current()/../../n or /data/on > 9]"><value ref="name"/><label ref="name"/></itemset></select1></repeat></repeat>"#;
    let instance =
        r#"<on/><h jr:template=""><n/><c jr:template=""><age/><pick/><pos/></c><sum/></h><all/><names/><second/>"#;
    let form = Arc::new(try_compile(&xml(instance, model, body)).unwrap());
    for seed in 1..=60 {
        walk(&form, seed * 0x9E37_79B9, 80);
    }
}

#[test]
fn the_real_forms_stay_up_to_date() {
    for text in [
        include_str!("../../records/forms/missing_child.xml"),
        include_str!("../../records/forms/awareness_session.xml"),
        include_str!("../../records/forms/coordination_meeting.xml"),
    ] {
        let form = Arc::new(try_compile(text).unwrap());
        for seed in 1..=8 {
            walk(&form, seed * 0x9E37_79B9, 150);
        }
    }
}

#[test]
fn forms_are_shared_between_threads_and_sessions_move_between_them() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Form>();
    moved::<Session>();
}
