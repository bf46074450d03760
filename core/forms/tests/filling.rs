//! Answering, recalculation, relevance, rows, messages.
//!
//! Knows: small forms made for one question each. Refuses to know: the real forms. Invariant: facts about behaviour a
//! shell can see. Start at [`common::session`].
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::format_collect)]

mod common;

use common::{NOW_MS, at, context, inside, say, session, text, try_compile, xml};
use samanvay_forms::{Answer, AnswerError, Class, FieldRef, Kind, RowId, Session, Value};
use std::sync::Arc;

fn input(path: &str) -> String {
    format!(r#"<input ref="/data/{path}"><label>{path}</label></input>"#)
}

fn message(error: AnswerError) -> String {
    match error {
        AnswerError::NotUnderstood { message }
        | AnswerError::Constraint { message }
        | AnswerError::Required { message } => message,
        other => panic!("{other}"),
    }
}

// ---- recalculation -------------------------------------------------------------------------------------------------

#[test]
fn an_answer_evaluates_only_what_depends_on_it() {
    let fields: String = (0..200).map(|i| format!("<q{i}/><c{i}/>")).collect();
    let binds: String = (0..200)
        .map(|i| format!(r#"<bind nodeset="/data/q{i}" type="int"/><bind nodeset="/data/c{i}" type="int" calculate="/data/q{i} * 2"/>"#))
        .collect();
    let model = format!(
        r#"{binds}<bind nodeset="/data/sum" type="int" calculate="coalesce(/data/c7, 0) + coalesce(/data/c8, 0)"/>"#
    );
    let body: String = (0..200).map(|i| input(&format!("q{i}"))).collect();
    let mut s = session(&format!("{fields}<sum/>"), &model, &body);
    let before = s.evaluations();
    say(&mut s, "q7", "21");
    assert_eq!(s.evaluations() - before, 2, "its own calculation and the sum");
    say(&mut s, "q100", "1");
    assert_eq!(s.evaluations() - before, 3);
    say(&mut s, "q100", "1");
    assert_eq!(s.evaluations() - before, 3, "the same answer again changes nothing");
    assert_eq!((text(&s, "c7"), text(&s, "sum")), ("42".to_owned(), "42".to_owned()));
}

#[test]
fn a_chain_is_evaluated_in_order_and_each_link_once() {
    let instance: String = (0..50).rev().map(|i| format!("<c{i}/>")).collect();
    let binds: String = (1..50)
        .map(|i| format!(r#"<bind nodeset="/data/c{i}" type="int" calculate="/data/c{} + 1"/>"#, i - 1))
        .collect();
    let mut s = session(&instance, &format!(r#"<bind nodeset="/data/c0" type="int"/>{binds}"#), &input("c0"));
    let before = s.evaluations();
    say(&mut s, "c0", "1");
    assert_eq!(text(&s, "c49"), "50");
    assert_eq!(s.evaluations() - before, 49);
}

#[test]
fn in_a_repeat_only_the_answered_row_is_evaluated() {
    let model = r#"<bind nodeset="/data/r/n" type="int"/><bind nodeset="/data/r/d" type="int" calculate="../n * 2"/>
<bind nodeset="/data/r/share" type="int" calculate="/data/r/n + 1"/><bind nodeset="/data/total" type="int" calculate="sum(/data/r/d)"/>"#;
    let body = r#"<repeat nodeset="/data/r"><input ref="/data/r/n"><label>n</label></input></repeat>"#;
    let mut s = session("<r><n/><d/><share/></r><total/>", model, body);
    let repeat = at(&s, "r");
    let rows: Vec<RowId> = (0..20).map(|_| s.add_repeat(&repeat).unwrap()).collect();
    let before = s.evaluations();
    s.answer(&inside(&s, "/r/n", &rows[3..4]), "5").unwrap();
    assert_eq!(s.evaluations() - before, 3, "d and share of that row, and the total");
    assert_eq!(
        s.value(&inside(&s, "/r/share", &rows[3..4])),
        Some(&Value::Int(6)),
        "an absolute path means the own row"
    );
    assert_eq!(text(&s, "total"), "10");
    s.remove_repeat(&FieldRef { field: repeat.field, rows: vec![rows[3]] }).unwrap();
    assert_eq!(text(&s, "total"), "0");
}

#[test]
fn changed_fields_are_reported() {
    let model = r#"<bind nodeset="/data/a" type="int"/><bind nodeset="/data/b" type="int" calculate="/data/a + 1"/>
<bind nodeset="/data/g" relevant="/data/a > 5"/>"#;
    let mut s = session("<a/><b/><g><x/></g>", model, &(input("a") + &input("g/x")));
    let (a, b, x) = (at(&s, "a"), at(&s, "b"), at(&s, "x"));
    let changed = s.answer(&a, "९").unwrap();
    assert_eq!(changed.value, Some(Value::Int(9)));
    assert_eq!(changed.fields, [a, b, x]);
}

// ---- relevance -----------------------------------------------------------------------------------------------------

#[test]
fn what_is_not_relevant_is_not_asked_not_counted_and_not_given_back() {
    let model = r#"<bind nodeset="/data/any" type="string"/><bind nodeset="/data/g" relevant="/data/any = 'yes'"/>
<bind nodeset="/data/g/n" type="int" required="true()"/><bind nodeset="/data/seen" calculate="concat('[', /data/g/n, ']')"/>"#;
    let body = input("any")
        + r#"<group ref="/data/g"><label>ग</label><input ref="/data/g/n"><label>n</label></input></group>"#;
    let mut s = session("<any/><g><n/></g><seen/>", model, &body);
    let n = at(&s, "n");
    assert_eq!(s.answer(&n, "1"), Err(AnswerError::NotRelevant));
    assert_eq!(s.questions().len(), 1);
    say(&mut s, "any", "yes");
    s.answer(&n, "4").unwrap();
    assert_eq!(text(&s, "seen"), "[4]");
    say(&mut s, "any", "no");
    assert_eq!(text(&s, "seen"), "[]");
    let finished = s.finish().unwrap();
    assert!(finished.values.iter().all(|(field, _)| *field != n), "pruned");
    assert_eq!(s.value(&n), Some(&Value::Int(4)), "but still there if the person changes their mind");
    say(&mut s, "any", "yes");
    assert_eq!(text(&s, "seen"), "[4]");
}

// ---- repeats -------------------------------------------------------------------------------------------------------

const NESTED: &str = r#"<house jr:template=""><head/><child jr:template=""><age/><pos/></child></house><kids/>"#;
const NESTED_BINDS: &str = r#"<bind nodeset="/data/house/child/age" type="int"/>
<bind nodeset="/data/house/child/pos" type="int" calculate="position(..)"/><bind nodeset="/data/kids" type="int" calculate="count(/data/house/child[age &lt; 18])"/>"#;
const NESTED_BODY: &str = r#"<group ref="/data/house"><label>घर</label><repeat nodeset="/data/house"><input ref="/data/house/head"><label>h</label></input>
<group ref="/data/house/child"><label>बच्चा <output value="position(.)"/></label><repeat nodeset="/data/house/child"><input ref="/data/house/child/age"><label>आयु</label></input></repeat></group></repeat></group>"#;

#[test]
fn rows_nest_and_keep_their_ids_and_positions() {
    let mut s = session(NESTED, NESTED_BINDS, NESTED_BODY);
    let house = at(&s, "house");
    let child = at(&s, "child").field;
    let h = [s.add_repeat(&house).unwrap(), s.add_repeat(&house).unwrap()];
    assert_eq!(s.add_repeat(&at(&s, "child")), Err(AnswerError::UnknownField), "the outer row is missing");
    let in_first = FieldRef { field: child, rows: vec![h[0]] };
    let c: Vec<RowId> = (0..3).map(|_| s.add_repeat(&in_first).unwrap()).collect();
    for (row, age) in c.iter().zip(["17", "30", "4"]) {
        s.answer(&inside(&s, "age", &[h[0], *row]), age).unwrap();
    }
    assert_eq!(text(&s, "kids"), "2");
    let pos = |s: &Session, row: RowId| s.value(&inside(s, "pos", &[h[0], row])).cloned();
    assert_eq!(pos(&s, c[2]), Some(Value::Int(3)));
    s.remove_repeat(&FieldRef { field: child, rows: vec![h[0], c[0]] }).unwrap();
    assert_eq!(pos(&s, c[2]), Some(Value::Int(2)), "later rows move up");
    assert_eq!(text(&s, "kids"), "1");
    assert_eq!((s.rows().len(), s.finish().unwrap().rows.len()), (4, 3), "the empty second house is no row in the end");
    assert_eq!(s.answer(&inside(&s, "age", &[h[0], c[0]]), "1"), Err(AnswerError::UnknownField));
    assert_eq!(s.form().field_by_path("age").unwrap().parent_row, Some(child));
}

#[test]
fn indexed_repeat_and_predicates_pick_rows() {
    let model = r#"<bind nodeset="/data/r/n" type="int"/><bind nodeset="/data/second" calculate="indexed-repeat(/data/r/n, /data/r, 2)"/>
<bind nodeset="/data/last" calculate="/data/r[last()]/n"/><bind nodeset="/data/r/prev" calculate="/data/r[position() = position(current()/..) - 1]/n"/>"#;
    let body = r#"<repeat nodeset="/data/r"><input ref="/data/r/n"><label>n</label></input></repeat>"#;
    let mut s = session(r#"<r jr:template=""><n/><prev/></r><second/><last/>"#, model, body);
    let repeat = at(&s, "r");
    let mut rows = Vec::new();
    for n in ["10", "20", "30"] {
        rows.push(s.add_repeat(&repeat).unwrap());
        s.answer(&inside(&s, "/r/n", &rows[rows.len() - 1..]), n).unwrap();
    }
    assert_eq!((text(&s, "second"), text(&s, "last")), ("20".to_owned(), "30".to_owned()));
    assert_eq!(s.value(&inside(&s, "prev", &rows[2..])), Some(&Value::Text("20".to_owned())));
    assert_eq!(s.value(&inside(&s, "prev", &rows[..1])), None);
}

#[test]
fn a_row_gets_its_defaults_and_fixed_rows_cannot_be_changed() {
    let model = r#"<bind nodeset="/data/r/day" type="date"/>"#;
    let set = r#"<setvalue ref="/data/r/day" event="odk-new-repeat" value="today()"/>"#;
    let body = |extra: &str| {
        format!(r#"<repeat nodeset="/data/r" {extra}><input ref="/data/r/day"><label>d</label></input>{set}</repeat>"#)
    };
    let mut s = session("<r><day/></r>", model, &body(""));
    let repeat = at(&s, "r");
    let row = s.add_repeat(&repeat).unwrap();
    assert_eq!(s.value(&inside(&s, "day", &[row])).map(Value::to_text).as_deref(), Some("2026-11-21"));
    let mut fixed = session("<r><day/></r>", model, &body(r#"jr:noAddRemove="true()""#));
    assert_eq!(fixed.add_repeat(&repeat), Err(AnswerError::Readonly));
}

// ---- messages ------------------------------------------------------------------------------------------------------

const BILINGUAL: &str = r#"<itext><translation lang="हिन्दी (hi)" default="true()">
<text id="l"><value>आयु</value></text><text id="c"><value>18 से कम लिखें, <output value="/data/name"/></value></text><text id="r"><value>आयु लिखें</value></text><text id="only"><value>केवल हिन्दी</value></text></translation>
<translation lang="English (en)"><text id="l"><value>Age</value></text><text id="c"><value>Write less than 18, <output value="/data/name"/></value></text><text id="r"><value>Write the age</value></text><text id="only"><value>-</value></text></translation></itext>
<bind nodeset="/data/age" type="int" required="true()" constraint=". &lt; 18" jr:constraintMsg="jr:itext('c')" jr:requiredMsg="jr:itext('r')"/>
<bind nodeset="/data/bare" type="int" required="true()" constraint=". &lt; 18"/>"#;

fn bilingual() -> Session {
    let body = r#"<input ref="/data/name"><label ref="jr:itext('only')"/></input><input ref="/data/age"><label ref="jr:itext('l')"/><hint ref="jr:itext('only')"/></input><input ref="/data/bare"><label>bare</label></input>"#;
    session("<name>सीता</name><age/><bare/>", BILINGUAL, body)
}

#[test]
fn the_forms_own_words_come_first_in_the_sessions_language() {
    let mut s = bilingual();
    let age = at(&s, "age");
    let refused = |s: &mut Session| message(s.answer(&age, "१८").unwrap_err());
    assert_eq!(refused(&mut s), "18 से कम लिखें, सीता");
    s.set_language("en");
    assert_eq!(refused(&mut s), "Write less than 18, सीता");
    assert_eq!(message(s.answer(&age, Answer::Clear).unwrap_err()), "Write the age");
    s.set_language("हिन्दी (hi)");
    assert_eq!(message(s.answer(&age, "").unwrap_err()), "आयु लिखें");
    assert_eq!(s.questions()[1].hint.as_deref(), Some("केवल हिन्दी"));
    s.set_language("English (en)");
    assert_eq!(s.questions()[0].label, "केवल हिन्दी", "a missing translation falls back to the default language");
    s.set_language("fr");
    assert_eq!(s.questions()[1].label, "आयु");
}

#[test]
fn where_the_form_is_silent_we_speak_hindi_and_english() {
    let mut s = bilingual();
    let bare = at(&s, "bare");
    assert_eq!(message(s.answer(&bare, "20").unwrap_err()), "यह जवाब नियम के अनुसार नहीं है। कृपया जाँच लें।");
    assert_eq!(message(s.answer(&bare, "बीस").unwrap_err()), "केवल पूर्ण संख्या लिखें, जैसे 12।");
    s.set_language("en");
    assert_eq!(message(s.answer(&bare, "").unwrap_err()), "This answer is required.");
    assert_eq!(message(s.answer(&bare, "twenty").unwrap_err()), "Write a whole number, such as 12.");
}

#[test]
fn a_refused_answer_leaves_the_session_as_it_was() {
    let mut s = bilingual();
    say(&mut s, "age", "9");
    let (before, work) = (s.values(), s.evaluations());
    let age = at(&s, "age");
    for bad in ["99", "x", ""] {
        assert!(s.answer(&age, bad).is_err());
    }
    assert!(s.answer(&FieldRef { field: 999, rows: Vec::new() }, "1").is_err());
    assert!(s.answer(&FieldRef { field: age.field, rows: vec![RowId([0; 8])] }, "1").is_err());
    assert_eq!((s.values(), s.evaluations()), (before, work));
}

#[test]
fn all_problems_are_found_at_the_end_and_in_order() {
    let mut s = bilingual();
    let problems = s.finish().unwrap_err();
    let found: Vec<(&str, &str)> = problems.iter().map(|p| (p.label.as_str(), p.message.as_str())).collect();
    assert_eq!(found, [("आयु", "आयु लिखें"), ("bare", "यह जवाब ज़रूरी है।")]);
    assert!(s.jump(&problems[1].field));
    assert_eq!(s.page().questions[0].label, "bare");
}

// ---- values --------------------------------------------------------------------------------------------------------

#[test]
fn digits_and_texts_are_brought_into_one_form() {
    let model = r#"<bind nodeset="/data/phone" constraint="regex(., '^[6-9][0-9]{9}$')"/><bind nodeset="/data/d" type="date"/><bind nodeset="/data/when" type="dateTime"/>"#;
    let mut s = session("<phone/><name/><d/><when/>", model, &["phone", "name", "d", "when"].map(input).concat());
    say(&mut s, "phone", "९८२६०१२३४५");
    assert_eq!(text(&s, "phone"), "9826012345");
    assert!(s.answer(&at(&s, "phone"), "५८२६०१२३४५").is_err());
    say(&mut s, "name", "  गु\u{921}\u{93c}िया वार्ड १२ ");
    assert_eq!(text(&s, "name"), "गु\u{921}\u{93c}िया वार्ड १२");
    say(&mut s, "name", "\u{928}\u{93c}");
    assert_eq!(text(&s, "name"), "\u{929}", "NFC");
    say(&mut s, "d", "५/९/२०२६");
    say(&mut s, "when", "21-11-2026 10:30");
    assert_eq!(text(&s, "d"), "2026-09-05");
    let expected = Value::DateTime { unix_seconds: NOW_MS / 1000, offset_minutes: 330 };
    assert_eq!(s.value(&at(&s, "when")), Some(&expected));
}

#[test]
fn typed_values_are_checked_like_texts() {
    let mut s = bilingual();
    let (age, name) = (at(&s, "age"), at(&s, "name"));
    assert!(s.answer(&age, Value::Int(12)).is_ok());
    assert!(matches!(s.answer(&age, Value::Int(20)), Err(AnswerError::Constraint { .. })));
    assert!(matches!(s.answer(&age, Value::Text("12".to_owned())), Err(AnswerError::NotUnderstood { .. })));
    let long = Value::Text("क".repeat(20_000));
    assert!(matches!(s.answer(&name, long), Err(AnswerError::NotUnderstood { .. })));
}

#[test]
fn choices_follow_the_list_and_its_filter() {
    let towns = r#"<instance id="t"><root><item><name>betul</name><st>mp</st><label>बैतूल</label></item><item><name>bhopal</name><st>mp</st><label>भोपाल</label></item><item><name>haridwar</name><st>uk</st><label>हरिद्वार</label></item></root></instance>"#;
    let body = format!(
        r#"{}<select1 ref="/data/town"><label>t</label><itemset nodeset="instance('t')/root/item[st = /data/state]"><value ref="name"/><label ref="label"/></itemset></select1>
<select ref="/data/many"><label>m</label><item><label>एक</label><value>1</value></item><item><label>दो</label><value>2</value></item></select>"#,
        input("state")
    );
    let mut s = session(
        "<state/><town/><many/><label/>",
        &format!(r#"{towns}<bind nodeset="/data/label" calculate="jr:choice-name(/data/town, '/data/town')"/>"#),
        &body,
    );
    let town = at(&s, "town");
    assert!(
        matches!(s.answer(&town, "betul"), Err(AnswerError::NotUnderstood { .. })),
        "no state yet, so nothing is offered"
    );
    say(&mut s, "state", "mp");
    say(&mut s, "town", "betul");
    assert_eq!(text(&s, "label"), "बैतूल");
    let offered: Vec<String> = s.questions()[1].choices.iter().map(|c| c.label.clone()).collect();
    assert_eq!(offered, ["बैतूल", "भोपाल"]);
    say(&mut s, "state", "uk");
    assert_eq!((text(&s, "town"), text(&s, "label")), (String::new(), String::new()), "no longer offered");
    say(&mut s, "many", "२, १ २");
    assert_eq!(s.value(&at(&s, "many")), Some(&Value::Choices(vec!["1".to_owned(), "2".to_owned()])));
    assert!(s.answer(&at(&s, "many"), "3").is_err());
    assert_eq!(s.form().field_by_path("town").unwrap().choices, ["betul", "bhopal", "haridwar"]);
}

#[test]
fn calculated_and_readonly_fields_take_no_answer() {
    let model = r#"<bind nodeset="/data/c" type="int" calculate="1 + 1"/><bind nodeset="/data/n" type="string" readonly="true()"/>
<bind nodeset="/data/g" readonly="/data/lock = 'yes'"/><bind nodeset="/data/start" type="dateTime" jr:preload="timestamp" jr:preloadParams="start"/>"#;
    let mut s = session("<c/><n/><lock/><g><x/></g><start/>", model, &["c", "n", "lock", "g/x"].map(input).concat());
    for name in ["c", "n", "start"] {
        assert_eq!(s.answer(&at(&s, name), "1"), Err(AnswerError::Readonly), "{name}");
    }
    say(&mut s, "x", "before");
    say(&mut s, "lock", "yes");
    assert_eq!(s.answer(&at(&s, "x"), "after"), Err(AnswerError::Readonly), "a group's readonly covers what is in it");
    assert_eq!(s.form().field_by_path("n").unwrap().kind, Kind::Note);
    assert!(s.values().iter().all(|(f, _)| f.field != at(&s, "n").field), "notes are not stored");
    assert_eq!(text(&s, "start"), "2026-11-21T10:30:00.000+05:30");
    assert_eq!(s.form().field_by_path("x").unwrap().class, Class::Unset);
    assert_eq!(Class::Unset.mask(), Class::V.mask() | Class::M.mask());
}

#[test]
fn rules_that_look_at_the_clock_follow_it() {
    let model = r#"<bind nodeset="/data/d" type="date" constraint=". &lt;= today()"/>"#;
    let mut s = session("<d/>", model, &input("d"));
    let d = at(&s, "d");
    assert!(s.answer(&d, "22-11-2026").is_err());
    s.set_now(NOW_MS + 86_400_000, 330);
    assert!(s.answer(&d, "22-11-2026").is_ok());
}

// ---- pages ---------------------------------------------------------------------------------------------------------

#[test]
fn pages_go_forward_and_back_over_what_is_relevant() {
    let model =
        r#"<bind nodeset="/data/b" relevant="/data/a = 'yes'"/><bind nodeset="/data/r" relevant="/data/a != 'no'"/>"#;
    let body = format!(
        r#"{}{}<group ref="/data/g" appearance="field-list"><label>साथ</label>{}{}</group><group ref="/data/r"><label>फेरा</label><repeat nodeset="/data/r">{}</repeat></group>"#,
        input("a"),
        input("b"),
        input("g/x"),
        input("g/y"),
        input("r/z")
    );
    let mut s = session("<a/><b/><g><x/><y/></g><r><z/></r>", model, &body);
    assert_eq!(s.page().count, 4, "a, the group, the first row, and room for another");
    assert!(!s.previous() && s.next());
    let page = s.page();
    assert_eq!((page.titles, page.questions.len(), page.number), (vec!["साथ".to_owned()], 2, 2));
    assert!(s.next());
    assert_eq!(s.page().titles, ["फेरा 1"]);
    assert!(s.next() && !s.next());
    let prompt = s.page().repeats[0].clone();
    assert_eq!((prompt.label.as_str(), prompt.count), ("फेरा", 1));
    let row = s.add_repeat(&prompt.repeat).unwrap();
    assert!(s.jump(&FieldRef { field: prompt.repeat.field, rows: vec![row] }));
    assert_eq!(s.page().titles, ["फेरा 2"]);
    say(&mut s, "a", "no");
    assert_eq!(s.page().count, 2, "the page under the cursor is gone");
    assert_eq!(s.page().questions.len(), 2);
    assert!(!s.jump(&FieldRef { field: prompt.repeat.field, rows: vec![row] }));
}

// ---- restore -------------------------------------------------------------------------------------------------------

#[test]
fn a_restored_session_equals_the_one_it_came_from() {
    let form = Arc::new(try_compile(&xml(NESTED, NESTED_BINDS, NESTED_BODY)).unwrap());
    let mut s = Session::new(form.clone(), context(), "hi");
    let house = at(&s, "house");
    let h = s.add_repeat(&house).unwrap();
    let c = s.add_repeat(&FieldRef { field: at(&s, "child").field, rows: vec![h] }).unwrap();
    s.answer(&inside(&s, "head", &[h]), "रामवती").unwrap();
    s.answer(&inside(&s, "age", &[h, c]), "11").unwrap();
    let (values, rows) = (s.values(), s.rows());
    let again = Session::restore(form.clone(), values.clone(), rows.clone(), context(), "hi");
    assert_eq!((again.values(), again.rows()), (values.clone(), rows));
    let without_rows = Session::restore(form, values.clone(), Vec::new(), context(), "hi");
    assert_eq!(without_rows.values(), values, "a value brings its rows along");
    assert!(without_rows.skipped().is_empty());
}

#[test]
fn what_does_not_fit_is_skipped_and_told() {
    let form = Arc::new(try_compile(&xml("<a/><b/>", r#"<bind nodeset="/data/a" type="int"/>"#, &input("a"))).unwrap());
    let values = vec![
        (FieldRef::top(1), Value::Text("x".to_owned())),
        (FieldRef::top(99), Value::Int(1)),
        (FieldRef { field: 2, rows: vec![RowId([1; 8])] }, Value::Text("y".to_owned())),
    ];
    let s = Session::restore(form, values, Vec::new(), context(), "hi");
    assert_eq!(s.skipped().len(), 3);
    assert!(s.values().is_empty());
}

#[test]
fn a_calculation_that_never_ends_gives_a_blank_and_a_problem() {
    let items: String = (0..3000).map(|i| format!("<item><n>{i}</n></item>")).collect();
    let model = format!(
        r#"<instance id="l"><root>{items}</root></instance><bind nodeset="/data/out" calculate="count(instance('l')/root/item[count(instance('l')/root/item[n = current()/../a]) = 5])"/>"#
    );
    let mut s = session("<a/><out/>", &model, &input("a"));
    say(&mut s, "a", "7");
    let problems = s.validate();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("जाँचा नहीं जा सका"));
}
