//! The forms the app ships: they compile strictly, say what the law says, and can be filled.
//!
//! Knows: the four committed forms and their id tables. Refuses to know: records. Invariant: names and places are
//! invented. Start at [`open`].
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::format_collect)]

mod common;

use common::{at, context, inside, say, text};
use samanvay_forms::{AnswerError, Class, FieldIds, FieldRef, Form, Kind, RowId, Session, Value, compile};
use std::sync::Arc;

const FORMS: [(&str, &str, &str); 4] = [
    (
        "missing_child",
        include_str!("../../records/forms/missing_child.xml"),
        include_str!("../../records/forms/ids/missing_child.tsv"),
    ),
    (
        "awareness_session",
        include_str!("../../records/forms/awareness_session.xml"),
        include_str!("../../records/forms/ids/awareness_session.tsv"),
    ),
    (
        "coordination_meeting",
        include_str!("../../records/forms/coordination_meeting.xml"),
        include_str!("../../records/forms/ids/coordination_meeting.tsv"),
    ),
    (
        "case_fact",
        include_str!("../../records/forms/case_fact.xml"),
        include_str!("../../records/forms/ids/case_fact.tsv"),
    ),
];

fn form(id: &str) -> Arc<Form> {
    let (_, xml, ids) = FORMS.iter().find(|(name, _, _)| *name == id).unwrap();
    Arc::new(compile(xml, &FieldIds::parse(ids).unwrap()).unwrap_or_else(|e| panic!("{id}: {e}")))
}

fn open(id: &str) -> Session {
    Session::new(form(id), context(), "hi")
}

fn refusal(session: &mut Session, path: &str, answer: &str) -> String {
    match session.answer(&at(session, path), answer) {
        Err(AnswerError::Constraint { message } | AnswerError::NotUnderstood { message }) => message,
        other => panic!("{path}: {other:?}"),
    }
}

fn fill_missing_child(s: &mut Session) {
    for (path, answer) in [
        ("name_hi", "गुड़िया"),
        ("gender", "F"),
        ("age_years", "११"),
        ("age_basis", "stated"),
        ("can_tell", "yes"),
        ("mother_name", "रामवती"),
        ("home_district", "394"),
        ("home_address", "ग्राम चिखली, थाना आठनेर"),
        ("last_seen_at", "२१-११-२०२६ ०७:३०"),
        ("last_seen_place", "बस स्टैंड के पास"),
        ("reported_at", "21-11-2026 10:25"),
        ("reporter_name", "रामवती"),
        ("reporter_relation", "mother"),
        ("reporter_phone", "९८२६०१२३४५"),
        ("marks", "mole"),
        ("marks_where", "बाएँ हाथ पर"),
        ("circumstances", "unknown"),
        ("risk_flags", "under_12 girl"),
        ("fir_not_registered_reason", "being_written"),
        ("dissemination", "sjpu childline"),
    ] {
        say(s, path, answer);
    }
}

// ---- all forms -----------------------------------------------------------------------------------------------------

#[test]
fn every_form_compiles_strictly_in_hindi_and_english_and_its_table_is_complete() {
    for (id, xml, ids) in FORMS {
        let form = form(id);
        assert_eq!((form.id(), form.version(), form.languages().len()), (id, "1", 2));
        assert_ne!(form.title("hi"), form.title("en"), "{id}");
        let table = FieldIds::parse(ids).unwrap();
        assert_eq!(table.assign(xml).unwrap(), table, "{id}: the table lacks something");
        assert_eq!(table.to_tsv(), *ids, "{id}: the table is not as the tool writes it");
        assert!(
            form.fields().iter().all(|f| f.kind == Kind::Note || f.class != Class::Unset),
            "{id}: a field has no class"
        );
    }
}

#[test]
fn every_question_choice_and_message_has_both_languages() {
    let devanagari = |t: &str| t.chars().any(|c| ('\u{900}'..='\u{97F}').contains(&c));
    for (id, _, _) in FORMS {
        let mut s = open(id);
        let hindi = s.questions();
        s.set_language("en");
        for (hi, en) in hindi.iter().zip(s.questions()) {
            assert!(devanagari(&hi.label) || hi.label.contains('–') || hi.label.contains('+'), "{id} {}", hi.name);
            assert!(!devanagari(&en.label), "{id} {}: {}", en.name, en.label);
            for (a, b) in hi.choices.iter().zip(&en.choices) {
                assert_eq!(a.value, b.value);
                assert!(
                    !devanagari(&b.label) && !b.label.is_empty() && !a.label.is_empty(),
                    "{id} {} {}",
                    en.name,
                    b.value
                );
            }
        }
    }
}

// ---- missing child -------------------------------------------------------------------------------------------------

#[test]
fn a_missing_child_report_can_be_filled_and_gives_its_coarse_facts() {
    let mut s = open("missing_child");
    fill_missing_child(&mut s);
    let finished = s.finish().unwrap_or_else(|p| panic!("{p:?}"));
    for (path, expected) in [
        ("sex", "F"),
        ("age_band", "10_13"),
        ("fir_state", "pending"),
        ("status", "open"),
        ("status_open", "yes"),
        ("reported_hour", "2026-11-21T10:00:00.000+05:30"),
        ("reporter_phone", "9826012345"),
    ] {
        assert_eq!(text(&s, path), expected, "{path}");
    }
    assert!(finished.rows.is_empty(), "the row nobody wrote in is none");
    let coarse: Vec<&str> = s.form().fields().iter().filter(|f| f.coarse).map(|f| f.name.as_str()).collect();
    assert_eq!(coarse, ["sex", "age_band", "fir_state", "reported_hour", "status_open"]);
    assert!(s.form().fields().iter().filter(|f| f.coarse).all(|f| f.class == Class::B && f.calculated));
    assert_eq!(s.form().field_by_path("age_band").unwrap().kind, Kind::Choice);
}

#[test]
fn a_missing_child_report_without_answers_says_in_hindi_what_is_missing() {
    let mut s = open("missing_child");
    let problems = s.finish().unwrap_err();
    let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    for expected in [
        "बच्चे का नाम लिखें, हिन्दी में या अंग्रेज़ी में।",
        "पिता, माता या अभिभावक में से एक का नाम ज़रूरी है।",
        "एफआईआर क्रमांक लिखें, या दर्ज न होने का कारण चुनें।",
    ] {
        assert!(messages.contains(&expected), "{expected}");
    }
    s.set_language("en");
    assert!(s.finish().unwrap_err().iter().all(|p| p.message.is_ascii()));
}

#[test]
fn one_script_and_one_parent_are_enough() {
    let mut s = open("missing_child");
    fill_missing_child(&mut s);
    s.answer(&at(&s, "name_lat"), "Gudiya").unwrap();
    s.answer(&at(&s, "name_hi"), "").unwrap();
    assert!(s.finish().is_ok());
    s.answer(&at(&s, "mother_name"), "").unwrap();
    assert_eq!(s.finish().unwrap_err()[0].field, at(&s, "father_name"));
    say(&mut s, "guardian_name", "हरिओम");
    assert!(s.finish().is_ok());
}

#[test]
fn adults_bad_phones_and_the_future_are_refused_in_hindi() {
    let mut s = open("missing_child");
    assert!(refusal(&mut s, "age_years", "१८").starts_with("यह फ़ॉर्म 18 वर्ष से कम"));
    for phone in ["5826012345", "982601234", "९८२६०१२३४५६", "98260 12345", "+919826012345", "abcdefghij"]
    {
        assert_eq!(refusal(&mut s, "reporter_phone", phone), "फ़ोन नंबर 10 अंकों का हो और 6, 7, 8 या 9 से शुरू हो।");
    }
    assert!(refusal(&mut s, "last_seen_at", "21-11-2026 10:31").contains("भविष्य"));
    assert!(refusal(&mut s, "reported_at", "22-11-2026 09:00").contains("भविष्य"));
    say(&mut s, "last_seen_at", "21-11-2026 09:00");
    assert!(refusal(&mut s, "reported_at", "21-11-2026 08:00").contains("पहले"));
}

#[test]
fn waiting_before_an_fir_is_refused_with_the_law() {
    let mut s = open("missing_child");
    for reason in ["wait_24h", "inquiry_first"] {
        let hindi = refusal(&mut s, "fir_not_registered_reason", reason);
        for words in ["BNS धारा 137", "न प्रारंभिक जाँच", "प्रतीक्षा अवधि", "22 मई 2026"]
        {
            assert!(hindi.contains(words), "{hindi}");
        }
    }
    s.set_language("en");
    let english = refusal(&mut s, "fir_not_registered_reason", "wait_24h");
    assert!(english.contains("BNS s.137") && english.contains("no waiting period") && english.contains("22 May 2026"));
    s.set_language("hi");
    say(&mut s, "fir_no", "०१२३/२०२६");
    assert_eq!(text(&s, "fir_no"), "0123/2026");
    assert_eq!(text(&s, "fir_state"), "registered");
    let reason = at(&s, "fir_not_registered_reason");
    assert_eq!(s.answer(&reason, "being_written"), Err(AnswerError::NotRelevant));
    assert_eq!(text(&s, "fir_sections"), "bns_137");
    assert!(refusal(&mut s, "fir_sections", "pocso").contains("137"));
}

#[test]
fn a_late_report_is_noted_and_never_blocked() {
    let mut s = open("missing_child");
    say(&mut s, "last_seen_at", "18-11-2026 10:00");
    say(&mut s, "reported_at", "21-11-2026 10:00");
    assert!(s.questions().iter().any(|q| q.name == "late_note" && q.kind == Kind::Note));
    say(&mut s, "last_seen_at", "21-11-2026 08:00");
    assert!(!s.questions().iter().any(|q| q.name == "late_note"));
}

#[test]
fn sightings_are_rows_with_their_own_ids() {
    let mut s = open("missing_child");
    fill_missing_child(&mut s);
    let sighting = at(&s, "sighting");
    let row = s.add_repeat(&sighting).unwrap();
    s.answer(&inside(&s, "/sighting/place", &[row]), "इटारसी स्टेशन").unwrap();
    s.answer(&inside(&s, "/sighting/at", &[row]), "21-11-2026 09:40").unwrap();
    let finished = s.finish().unwrap();
    assert_eq!(finished.rows, [FieldRef { field: sighting.field, rows: vec![row] }]);
    let restored = Session::restore(s.form().clone(), finished.values.clone(), finished.rows, context(), "hi");
    assert_eq!(restored.values(), finished.values);
}

#[test]
fn the_reported_hour_is_cut_not_rounded() {
    let mut s = open("missing_child");
    for (at_time, hour) in [("00:00", "00"), ("09:59", "09"), ("10:00", "10"), ("10:29", "10")] {
        say(&mut s, "reported_at", &format!("21-11-2026 {at_time}"));
        assert_eq!(text(&s, "reported_hour"), format!("2026-11-21T{hour}:00:00.000+05:30"));
    }
}

#[test]
fn age_bands_have_their_cuts_at_six_ten_and_fourteen() {
    let mut s = open("missing_child");
    for (age, band) in [
        ("0", "0_5"),
        ("5", "0_5"),
        ("6", "6_9"),
        ("9", "6_9"),
        ("10", "10_13"),
        ("13", "10_13"),
        ("14", "14_17"),
        ("17", "14_17"),
    ] {
        say(&mut s, "age_years", age);
        assert_eq!(text(&s, "age_band"), band, "{age}");
    }
}

// ---- awareness session ---------------------------------------------------------------------------------------------

fn fill_awareness(s: &mut Session) {
    for (path, answer) in [
        ("campaign", "sambal"),
        ("topics", "legal_rights dv helplines"),
        ("methods", "talk film"),
        ("helplines_told", "112 181"),
        ("venue_type", "panchayat"),
        ("district", "394"),
        ("place_text", "ग्राम पंचायत चिखली"),
        ("start", "20-11-2026 11:00"),
        ("end", "20-11-2026 13:00"),
        ("tally_18_24_f", "१२"),
        ("tally_25_44_f", "४१"),
        ("tally_45_59_f", "10"),
        ("lead", "कमला उइके"),
        ("facilitator_count", "2"),
        ("women_facilitators", "1"),
        ("verifier", "sarpanch"),
    ] {
        say(s, path, answer);
    }
}

#[test]
fn an_awareness_session_is_counted_cell_by_cell() {
    let mut s = open("awareness_session");
    fill_awareness(&mut s);
    let finished = s.finish().unwrap_or_else(|p| panic!("{p:?}"));
    assert_eq!((text(&s, "total"), text(&s, "held_on")), ("63".to_owned(), "2026-11-20".to_owned()));
    assert!(finished.rows.is_empty());
    let tally: Vec<_> = s.form().fields().iter().filter(|f| f.name.starts_with("tally_")).collect();
    assert_eq!(tally.len(), 32);
    assert!(tally.iter().all(|f| f.class == Class::A && f.kind == Kind::Int));
    for name in ["total", "held_on", "district", "campaign", "venue_type", "start"] {
        assert_eq!(s.form().field_by_path(name).unwrap().class, Class::A, "{name}");
    }
}

#[test]
fn a_tally_press_costs_the_total_and_little_else() {
    let mut s = open("awareness_session");
    let before = s.evaluations();
    say(&mut s, "tally_25_44_m", "1");
    assert!(s.evaluations() - before <= 4, "{}", s.evaluations() - before);
}

#[test]
fn totals_times_and_facilitators_are_checked() {
    let mut s = open("awareness_session");
    fill_awareness(&mut s);
    assert!(refusal(&mut s, "topics", "legal_rights pocso jj gtbt gender bonded missing").contains("6 से अधिक"));
    assert!(refusal(&mut s, "end", "20-11-2026 10:00").contains("शुरू होने के बाद"));
    assert!(refusal(&mut s, "end", "20-11-2026 19:30").contains("8 घंटे"));
    assert!(refusal(&mut s, "disability_count", "64").contains("कुल"));
    say(&mut s, "tally_10_13_f", "20");
    say(&mut s, "facilitator_count", "2");
    assert!(refusal(&mut s, "women_facilitators", "0").contains("महिला"));
    assert!(refusal(&mut s, "facilitator_count", "1").contains("2 वयस्क"));
    say(&mut s, "tally_60p_m", "5000");
    assert!(s.finish().unwrap_err().iter().any(|p| p.field == at(&s, "total")), "more than 5000 in all");
    assert!(s.questions().iter().any(|q| q.name == "estimated" && q.required));
}

#[test]
fn an_entry_after_thirty_days_needs_a_reason() {
    let mut s = open("awareness_session");
    fill_awareness(&mut s);
    say(&mut s, "end", "20-11-2026 13:00");
    let reason = at(&s, "late_reason");
    assert_eq!(s.answer(&reason, "from_paper"), Err(AnswerError::NotRelevant));
    say(&mut s, "start", "10-10-2026 11:00");
    assert!(s.answer(&reason, "from_paper").is_ok());
}

#[test]
fn a_roll_is_for_consenting_adults_in_roll_mode() {
    let mut s = open("awareness_session");
    let roll = at(&s, "roll");
    assert_eq!(s.add_repeat(&roll), Err(AnswerError::NotRelevant));
    say(&mut s, "mode", "roll");
    let row = s.add_repeat(&roll).unwrap();
    assert!(s.answer(&inside(&s, "roll_consent", &[row]), "no").is_err());
    assert!(s.answer(&inside(&s, "roll_consent", &[row]), "yes").is_ok());
}

// ---- coordination meeting ------------------------------------------------------------------------------------------

fn row(s: &mut Session, repeat: &str, answers: &[(&str, &str)]) -> RowId {
    let repeat_field = at(s, repeat);
    let row = s.add_repeat(&repeat_field).unwrap();
    for (name, answer) in answers {
        let field = inside(s, &format!("/{repeat}/{name}"), &[row]);
        s.answer(&field, *answer).unwrap_or_else(|e| panic!("{repeat}/{name}: {e}"));
    }
    row
}

#[test]
fn a_meeting_has_posts_decisions_and_action_items_with_evidence() {
    let mut s = open("coordination_meeting");
    for (path, answer) in [
        ("level", "district"),
        ("district", "394"),
        ("type", "monthly"),
        ("date", "20-11-2026"),
        ("venue", "कलेक्टर कार्यालय"),
        ("chair_post", "पुलिस अधीक्षक"),
    ] {
        say(&mut s, path, answer);
    }
    assert!(s.finish().unwrap_err().iter().any(|p| p.message.contains("कम से कम एक विभाग")));
    row(&mut s, "attendance", &[("dept", "labour"), ("post", "संयुक्त श्रम आयुक्त"), ("present", "yes"), ("delegate", "no")]);
    row(&mut s, "attendance", &[("dept", "health"), ("present", "no")]);
    row(&mut s, "decision", &[("text_hi", "ईंट भट्ठों का संयुक्त निरीक्षण"), ("owner_dept", "labour")]);
    let action = [
        ("what", "निरीक्षण सूची बनाना"),
        ("owner_post", "श्रम निरीक्षक"),
        ("owner_dept", "labour"),
        ("due", "15-12-2026"),
        ("status", "working"),
    ];
    let item = row(&mut s, "action_item", &action);
    assert_eq!(text(&s, "present_count"), "1");
    let finished = s.finish().unwrap_or_else(|p| panic!("{p:?}"));
    assert_eq!(finished.rows.len(), 4, "rows nobody wrote in are none");
    let status = inside(&s, "/action_item/status", &[item]);
    s.answer(&status, "done").unwrap();
    assert_eq!(s.finish().unwrap_err()[0].message, "पूरा हुआ बताने के लिए प्रमाण लिखें।");
    s.answer(&inside(&s, "/action_item/evidence", &[item]), "पत्र क्रमांक 41/2026").unwrap();
    assert!(s.finish().is_ok());
    let due = inside(&s, "/action_item/due", &[item]);
    assert!(s.answer(&due, "20-02-2027").is_err(), "beyond 90 days");
    assert!(s.answer(&due, "19-11-2026").is_err(), "before the meeting");
}

// ---- open fact -----------------------------------------------------------------------------------------------------

#[test]
fn an_open_fact_holds_nothing_but_open_aggregates() {
    let mut s = open("case_fact");
    assert!(s.form().fields().iter().all(|f| f.class == Class::A && f.kind != Kind::Text));
    for (path, answer) in [("district", "396"), ("month", "२०२६११"), ("kind", "missing"), ("state", "open")]
    {
        say(&mut s, path, answer);
    }
    assert!(refusal(&mut s, "month", "202613").contains("माह"));
    let values: Vec<Value> = s.finish().unwrap().values.into_iter().map(|(_, v)| v).collect();
    assert_eq!(values[1], Value::Int(202_611));
    let districts = s.form().field_by_path("district").unwrap().choices.len();
    assert_eq!(districts, 68, "55 districts of Madhya Pradesh and 13 of Uttarakhand");
}
