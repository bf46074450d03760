//! Form sessions that are cut short.

use samanvay_records::RecordsError;
use samanvay_records::view::Filter;

use crate::world::{World, report, save, value};

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_answer_survives_a_kill() {
    let world = World::new().await;
    let (phone, profile) = world.enrolled("officer", world.officer).await;
    let mut form = profile.start("missing_child").unwrap();
    let draft = form.draft();
    assert!(profile.drafts().unwrap().is_empty(), "a form that was only looked at is no draft");
    let ask = |form: &mut samanvay_records::FormSession, name: &str| {
        form.questions().into_iter().find(|q| q.name == name).unwrap().field
    };
    let name = ask(&mut form, "name_hi");
    form.answer(&name, "रामकली").unwrap();
    let age = ask(&mut form, "age_years");
    assert!(matches!(form.answer(&age, "४५"), Err(RecordsError::Answer { .. })));
    form.answer(&age, "११").unwrap();
    let repeat = form.kind().form().field_by_path("sighting").unwrap().id.to_string();
    let row = form.add_repeat(&repeat).unwrap();
    let places: Vec<String> = form.questions().into_iter().filter(|q| q.name == "place").map(|q| q.field).collect();
    assert_eq!(places.len(), 2, "the form begins with one row");
    form.answer(&places[0], "बस स्टैंड").unwrap();
    form.answer(&places[1], "मंडी").unwrap();
    drop(form);
    drop(profile);

    let profile = phone.reopen();
    let drafts = profile.drafts().unwrap();
    assert_eq!((drafts.len(), drafts[0].draft.as_str()), (1, draft.as_str()));
    let mut form = profile.resume(&draft).unwrap();
    let questions = form.questions();
    let answers = |name: &str| -> Vec<String> {
        questions.iter().filter(|q| q.name == name).filter_map(|q| q.value.clone()).collect()
    };
    assert_eq!(answers("name_hi"), ["रामकली"]);
    assert_eq!(answers("age_years"), ["11"]);
    assert_eq!(answers("place"), ["बस स्टैंड", "मंडी"]);
    form.remove_repeat(&row).unwrap();
    form.answer(&name, "").unwrap_err();
    drop(form);
    let mut form = profile.resume(&draft).unwrap();
    let left: Vec<_> = form.questions().into_iter().filter(|q| q.name == "place").map(|q| q.value).collect();
    assert_eq!(left, [Some("बस स्टैंड".to_owned())]);
    drop(form);
    profile.discard(&draft).unwrap();
    assert!(profile.drafts().unwrap().is_empty());
    assert!(matches!(profile.resume(&draft), Err(RecordsError::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_edit_names_what_it_saw_when_it_began() {
    let world = World::new().await;
    let (phone, profile) = world.enrolled("officer", world.officer).await;
    let record = save(&profile, "missing_child", &report("रामकली"));
    let mut form = profile.edit(&record).unwrap();
    let height = form.questions().into_iter().find(|q| q.name == "height_cm").unwrap().field;
    form.answer(&height, "132").unwrap();
    let draft = form.draft();
    drop(form);
    // Meanwhile the same field is changed elsewhere.
    crate::world::change(&profile, &record, r#"{"height_cm": 128}"#);
    drop(profile);
    let profile = phone.reopen();
    profile.resume(&draft).unwrap().finish().unwrap();
    assert_eq!(profile.conflicts().unwrap().len(), 1, "both heights stay");
    assert!(profile.drafts().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_draft_becomes_one_record_and_is_gone() {
    let world = World::new().await;
    let (_phone, profile) = world.enrolled("officer", world.officer).await;
    let record = save(&profile, "missing_child", &report("रामकली"));
    assert!(profile.drafts().unwrap().is_empty());
    assert_eq!(profile.list(&Filter::default()).unwrap().len(), 1);
    assert_eq!(value(&profile, &record, "name_hi"), "रामकली");
}
