//! Saving and showing records, on one phone.

use samanvay_records::RecordsError;
use samanvay_records::answers::{Answers, fill};
use samanvay_records::view::{Filter, Place};
use samanvay_sync::id::{DeviceId, Generation, StreamId};
use samanvay_sync::op::Op;
use samanvay_sync::payload;
use samanvay_sync::schema::Clearance;
use samanvay_vault::VaultError;

use crate::world::{NOON, World, change, report, save, session, sync, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_report_is_there_after_reopening() {
    let world = World::new().await;
    let (phone, profile) = world.enrolled("officer", world.officer).await;
    let record = save(&profile, "missing_child", &report("रामकली"));
    drop(profile);
    let profile = phone.reopen();
    let rows = profile.list(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].record.as_str(), rows[0].kind.as_str()), (record.as_str(), "missing_child"));
    assert_eq!(rows[0].title, "रामकली");
    assert_eq!(rows[0].line, "बालिका, 10–13 वर्ष, FIR 26 घंटे से लंबित");
    assert_eq!(rows[0].place, Place::OnPhone);
    assert_eq!(rows[0].updated, NOON / 1000);
    assert_eq!(value(&profile, &record, "reporter_phone"), "9826012345");
    let view = profile.show(&record).unwrap();
    assert_eq!(view.routes.iter().map(|r| r.role.as_str()).collect::<Vec<_>>(), ["home", "projection", "alias"]);
    assert_eq!(view.history.len(), 1);
    assert_eq!(view.history[0].by, "थाना प्रभारी, महिला थाना, बैतूल");
    assert!(view.hidden.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_post_may_start_only_what_its_streams_can_hold() {
    let world = World::new().await;
    let (_a, officer) = world.enrolled("officer", world.officer).await;
    let (_b, worker) = world.enrolled("worker", world.worker).await;
    let (_c, supervisor) = world.enrolled("supervisor", world.supervisor).await;
    let may = |profile: &samanvay_records::Profile| -> Vec<(String, bool)> {
        profile.kinds().unwrap().into_iter().map(|k| (k.kind, k.may_start)).collect()
    };
    let expect = |session, child, meeting| {
        vec![
            ("awareness_session".to_owned(), session),
            ("missing_child".to_owned(), child),
            ("coordination_meeting".to_owned(), meeting),
        ]
    };
    assert_eq!(may(&officer), expect(true, true, true));
    assert_eq!(may(&worker), expect(true, false, true));
    assert_eq!(may(&supervisor), expect(false, false, false));
    assert!(matches!(worker.start("missing_child"), Err(RecordsError::NotAllowed(_))));
    assert!(matches!(worker.start("case_fact"), Err(RecordsError::NotAllowed(_))));
    assert!(matches!(worker.start("no_such"), Err(RecordsError::NotFound(_))));
    let why = worker.kinds().unwrap()[1].why_not.clone().unwrap();
    assert!(why.contains("अनुमति"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_answers_are_reported_in_the_form_s_words_and_nothing_is_saved() {
    let world = World::new().await;
    let (_phone, profile) = world.enrolled("officer", world.officer).await;
    let json = report("रामकली").replace("being_written", "wait_24h").replace("\"age_years\": 11", "\"age_years\": 19");
    let json = json.replacen('{', r#"{"no_such_field": 1, "sex": "M","#, 1);
    let mut form = profile.start("missing_child").unwrap();
    let refusals = fill(&mut form, &Answers::read(&json).unwrap()).unwrap().unwrap_err();
    let mut fields: Vec<&str> = refusals.iter().map(|r| r.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["age_years", "fir_not_registered_reason", "no_such_field", "sex"]);
    let rule = refusals.iter().find(|r| r.field == "fir_not_registered_reason").unwrap();
    assert!(rule.message.contains("सर्वोच्च न्यायालय"), "{}", rule.message);
    assert_eq!(rule.label, "एफआईआर अभी दर्ज क्यों नहीं हुई?");
    let Err(RecordsError::Incomplete { problems }) = form.finish() else { panic!("finished") };
    assert!(problems.iter().any(|p| p.message.contains("आयु")));
    assert_eq!(profile.list(&Filter::default()).unwrap(), []);
    assert_eq!(profile.drafts().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_changes_its_field_and_the_coarse_facts_that_follow() {
    let world = World::new().await;
    let (_phone, profile) = world.enrolled("officer", world.officer).await;
    let record = save(&profile, "missing_child", &report("रामकली"));
    world.clock.forward(3600);
    change(&profile, &record, r#"{"fir_no": "0123/2026", "fir_date": "2026-11-24"}"#);
    assert_eq!(value(&profile, &record, "fir_no"), "0123/2026");
    assert_eq!(value(&profile, &record, "fir_state"), "registered");
    assert_eq!(value(&profile, &record, "fir_not_registered_reason"), "");
    let view = profile.show(&record).unwrap();
    assert_eq!(view.line, "बालिका, 10–13 वर्ष, FIR दर्ज");
    assert_eq!(view.history.len(), 2);
    assert!(view.history[1].what.contains("एफआईआर क्रमांक"), "{}", view.history[1].what);
    assert!(!view.history[1].what.contains("बच्चे का नाम"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_keep_their_order_and_can_be_changed_added_and_removed() {
    let world = World::new().await;
    let (_phone, profile) = world.enrolled("officer", world.officer).await;
    let json = report("रामकली").replacen('{', r#"{"sighting": [{"place": "बस स्टैंड"}, {"place": "रेलवे स्टेशन"}],"#, 1);
    let record = save(&profile, "missing_child", &json);
    let places = |profile: &samanvay_records::Profile| -> Vec<String> {
        let view = profile.show(&record).unwrap();
        view.fields.iter().filter(|f| f.name == "place").map(|f| f.value.clone()).collect()
    };
    assert_eq!(places(&profile), ["बस स्टैंड", "रेलवे स्टेशन"]);
    change(&profile, &record, r#"{"sighting": [{"place": "मंडी"}]}"#);
    assert_eq!(places(&profile), ["बस स्टैंड", "रेलवे स्टेशन", "मंडी"]);
    let view = profile.show(&record).unwrap();
    let second = view.fields.iter().filter(|f| f.name == "place").nth(1).unwrap();
    let row = second.field.split('/').nth(1).unwrap().to_owned();
    let repeat = profile.edit(&record).unwrap().kind().form().field_by_path("sighting").unwrap().id;
    let mut form = profile.edit(&record).unwrap();
    form.answer(&view.fields.iter().find(|f| f.name == "place").unwrap().field, "पुराना बस स्टैंड").unwrap();
    form.remove_repeat(&format!("{repeat}/{row}")).unwrap();
    form.finish().unwrap();
    assert_eq!(places(&profile), ["पुराना बस स्टैंड", "मंडी"]);
    let json: serde_json::Value = serde_json::from_str(&profile.export(Some(&record)).unwrap()).unwrap();
    assert_eq!(json[0]["fields"]["sighting"][1]["place"], "मंडी");
    assert_eq!(json[0]["fields"]["age_years"], 11);
    assert_eq!(json[0]["fields"]["risk_flags"][0], "girl");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_stays_in_the_coordination_stream() {
    let world = World::new().await;
    let (_phone, profile) = world.enrolled("officer", world.officer).await;
    let json = r#"{
        "level": "district", "district": "394", "type": "monthly", "date": "2026-11-24", "venue": "कलेक्टर सभागृह",
        "chair_post": "पुलिस अधीक्षक",
        "attendance": [{"dept": "police", "post": "नोडल अधिकारी", "present": true}, {"dept": "labour", "present": false}],
        "agenda": [{"item": "बाल श्रम"}],
        "decision": [{"text_hi": "संयुक्त निरीक्षण होगा", "owner_dept": "labour"}],
        "action_item": [{"what": "ईंट भट्ठों की सूची", "owner_post": "श्रम निरीक्षक", "owner_dept": "labour",
                         "due": "2026-12-15", "status": "not_started"}]
    }"#;
    let record = save(&profile, "coordination_meeting", json);
    let view = profile.show(&record).unwrap();
    assert_eq!(view.routes.len(), 1);
    assert_eq!((view.routes[0].role.as_str(), view.routes[0].stream.as_str()), ("home", "समन्वय"));
    assert_eq!(view.title, "ज़िला · 24 नवंबर 2026");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_list_line_tells_how_many_came() {
    let world = World::new().await;
    let (_phone, profile) = world.enrolled("worker", world.worker).await;
    save(&profile, "awareness_session", &session("सुनीता मर्सकोले"));
    let report = sync(&profile).await;
    assert_eq!((report.sent_ops, report.sent_segments, report.refused.len()), (1, 3, 0));
    let rows = profile.list(&Filter::default()).unwrap();
    assert_eq!((rows[0].line.as_str(), rows[0].place), ("45 लोग", Place::OnHub));
    assert_eq!(rows[0].title, "चेतना · 24 नवंबर 2026");
}

/// What came to the supervisor, op by op, as it was unsealed: not what a view makes of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_into_a_roll_up_holds_only_what_its_clearance_admits() {
    let world = World::new().await;
    let (_a, officer) = world.enrolled("officer", world.officer).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    save(&officer, "awareness_session", &session("सुनीता"));
    change(&officer, &record, r#"{"height_cm": 132, "portal_id": "MV-77"}"#);
    sync(&officer).await;
    let (phone, supervisor) = world.enrolled("supervisor", world.supervisor).await;
    drop(supervisor);
    let ops = unsealed(&phone);
    assert_eq!(ops.iter().filter(|(stream, _)| *stream == world.streams.roll_up).count(), 3);
    assert_eq!(ops.iter().filter(|(stream, _)| *stream == world.streams.open).count(), 2, "session and open fact");
    for (stream, op) in ops {
        let kind = samanvay_records::kinds::all().iter().find(|k| k.schema().id() == op.schema).unwrap();
        let clearance = if stream == world.streams.roll_up { 3 } else { 1 };
        let clearance = Clearance::from_bits(clearance).unwrap();
        assert!(op.routes.is_empty());
        for change in &op.changes {
            assert!(kind.schema().admits(change.field, clearance), "{} {}", kind.name(), change.field);
        }
        if stream == world.streams.open {
            assert_ne!(op.record.hex(), record);
        }
    }
}

fn unsealed(phone: &crate::world::Phone) -> Vec<(StreamId, Op)> {
    let vault = crate::world::vault(phone);
    vault
        .read(|c| -> Result<_, VaultError> {
            let mut statement = c.prepare("SELECT stream, device, generation, body FROM ops")?;
            let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, Vec<u8>>(3)?)))?;
            Ok(rows
                .map(|row| {
                    let (stream, device, generation, body) = row.unwrap();
                    let op = payload::decode(&body, DeviceId(device), Generation(generation), 1).unwrap().remove(0);
                    (StreamId(stream), op)
                })
                .collect())
        })
        .unwrap()
}

/// Whoever reads a projection sees the tag of an op whose rest it may not see: without the author's key it must not fit.
#[tokio::test(flavor = "multi_thread")]
async fn a_guess_cannot_be_tested_against_the_tag() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    save(&officer, "missing_child", &report("रामकली"));
    drop(officer);
    for (_, op) in unsealed(&phone) {
        let input = payload::tag_input(&op).unwrap();
        let hash = ring::digest::digest(&ring::digest::SHA256, &input);
        assert_ne!(hash.as_ref()[..4], op.id.tag);
        let empty = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[]);
        assert_ne!(ring::hmac::sign(&empty, &input).as_ref()[..4], op.id.tag);
    }
}
