//! Two people change one record at the same time.

use samanvay_records::view::{Choice, Place};

use crate::world::{World, change, report, save, sync, value};

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_different_fields_both_stay_and_edits_of_one_field_wait_for_a_person() {
    let world = World::new().await;
    let (_a, first) = world.enrolled("first", world.officer).await;
    let (_b, second) = world.enrolled("second", world.second_officer).await;
    let record = save(&first, "missing_child", &report("रामकली"));
    sync(&first).await;
    sync(&second).await;
    world.clock.forward(600);
    change(&first, &record, r#"{"height_cm": 132, "clothes": "नीली फ्रॉक"}"#);
    world.clock.forward(60);
    change(&second, &record, r#"{"height_cm": 128, "footwear_items": "लाल चप्पल"}"#);
    for profile in [&first, &second, &first] {
        sync(profile).await;
    }
    for profile in [&first, &second] {
        assert_eq!(value(profile, &record, "clothes"), "नीली फ्रॉक");
        assert_eq!(value(profile, &record, "footwear_items"), "लाल चप्पल");
        assert_eq!(value(profile, &record, "height_cm"), "128", "the later one is shown first");
        assert_eq!(profile.show(&record).unwrap().place, Place::NeedsYou);
    }
    let conflicts = first.conflicts().unwrap();
    assert_eq!(conflicts.len(), 1);
    let conflict = &conflicts[0];
    assert_eq!((conflict.title.as_str(), conflict.label.as_str()), ("रामकली", "ऊँचाई (से.मी.)"));
    let values: Vec<(&str, &str)> = conflict.options.iter().map(|o| (o.value.as_str(), o.by.as_str())).collect();
    assert_eq!(values, [("128", "बीट अधिकारी, महिला थाना, बैतूल"), ("132", "थाना प्रभारी, महिला थाना, बैतूल")]);
    let keep = Choice::Keep { op: conflict.options[1].op.clone() };
    first.resolve(&record, &conflict.field, &keep).unwrap();
    assert_eq!(first.conflicts().unwrap(), []);
    assert!(first.resolve(&record, &conflict.field, &keep).is_err(), "there is nothing left to settle");
    sync(&first).await;
    sync(&second).await;
    assert_eq!(value(&second, &record, "height_cm"), "132");
    assert_eq!(second.conflicts().unwrap(), []);
    assert_eq!(second.show(&record).unwrap().place, Place::OnHub);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_can_be_settled_with_the_value_shown_or_a_third_one() {
    let world = World::new().await;
    let (_a, first) = world.enrolled("first", world.officer).await;
    let (_b, second) = world.enrolled("second", world.second_officer).await;
    let record = save(&first, "missing_child", &report("रामकली"));
    sync(&first).await;
    sync(&second).await;
    change(&first, &record, r#"{"height_cm": 132, "build": "thin"}"#);
    world.clock.forward(60);
    change(&second, &record, r#"{"height_cm": 128, "build": "medium"}"#);
    for profile in [&first, &second, &first] {
        sync(profile).await;
    }
    for conflict in first.conflicts().unwrap() {
        let choice = if conflict.label.starts_with("ऊँचाई") {
            Choice::Write { text: "१३०".to_owned() }
        } else {
            Choice::Keep { op: conflict.options[0].op.clone() }
        };
        first.resolve(&record, &conflict.field, &choice).unwrap();
    }
    assert_eq!(first.conflicts().unwrap(), []);
    sync(&first).await;
    sync(&second).await;
    assert_eq!(second.conflicts().unwrap(), []);
    assert_eq!(
        (value(&second, &record, "height_cm"), value(&second, &record, "build")),
        ("130".into(), "medium".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_removed_here_and_changed_there_is_a_conflict_and_not_a_loss() {
    let world = World::new().await;
    let (_a, first) = world.enrolled("first", world.officer).await;
    let (_b, second) = world.enrolled("second", world.second_officer).await;
    let json = report("रामकली").replacen('{', r#"{"sighting": [{"place": "बस स्टैंड"}],"#, 1);
    let record = save(&first, "missing_child", &json);
    sync(&first).await;
    sync(&second).await;
    let field = first.show(&record).unwrap().fields.into_iter().find(|f| f.name == "place").unwrap().field;
    let row = field.split('/').nth(1).unwrap().to_owned();
    let mut form = first.edit(&record).unwrap();
    let repeat = form.kind().form().field_by_path("sighting").unwrap().id;
    form.remove_repeat(&format!("{repeat}/{row}")).unwrap();
    form.finish().unwrap();
    let mut form = second.edit(&record).unwrap();
    form.answer(&field, "बस स्टैंड, दुकान नं 4").unwrap();
    form.finish().unwrap();
    for profile in [&first, &second, &first] {
        sync(profile).await;
    }
    let seen = first.show(&record).unwrap().fields.into_iter().find(|f| f.name == "place").unwrap();
    assert_eq!(seen.value, "बस स्टैंड, दुकान नं 4");
    let conflicts = first.conflicts().unwrap();
    assert_eq!(conflicts.len(), 1);
    let removal = conflicts[0].options.iter().find(|o| o.value.is_empty()).unwrap();
    first.resolve(&record, &conflicts[0].field, &Choice::Keep { op: removal.op.clone() }).unwrap();
    assert!(first.show(&record).unwrap().fields.iter().all(|f| f.name != "place"));
    assert_eq!(first.conflicts().unwrap(), []);
}
