//! A database that is lost, and segments that could not be read yet.

use samanvay_records::view::{Filter, Place};

use crate::world::{PIN, World, change, report, save, session, sync, value};

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_profile_has_all_its_own_work_and_a_sync_brings_the_rest() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    let (_b, second) = world.enrolled("second", world.second_officer).await;
    let theirs = save(&second, "missing_child", &report("फूलवती"));
    sync(&second).await;
    let sent = save(&officer, "missing_child", &report("रामकली"));
    save(&officer, "awareness_session", &session("सुनीता"));
    sync(&officer).await;
    world.clock.forward(600);
    change(&officer, &sent, r#"{"height_cm": 132}"#);
    let unsent = save(&officer, "missing_child", &report("श्यामकली"));
    let mut form = officer.start("missing_child").unwrap();
    let name = form.questions().into_iter().find(|q| q.name == "name_hi").unwrap().field;
    form.answer(&name, "चमेली").unwrap();
    drop(form);
    let before = officer.export(None).unwrap();
    assert_eq!(officer.list(&Filter::default()).unwrap().len(), 4);
    drop(officer);

    phone.lose_database();
    let officer = phone.locked();
    let report = officer.unlock(PIN).unwrap();
    assert!(report.rebuilt && report.lost == 0 && report.replayed > 0, "{report:?}");
    let rows = officer.list(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 3, "all own records");
    assert_eq!(value(&officer, &sent, "height_cm"), "132");
    assert_eq!(value(&officer, &unsent, "name_hi"), "श्यामकली");
    let session_row = rows.iter().find(|row| row.kind == "awareness_session").unwrap();
    assert_eq!(session_row.place, Place::OnHub, "receipts come back too");
    assert_eq!(officer.status().unwrap().unsent_ops, 3);
    let drafts = officer.drafts().unwrap();
    let mut form = officer.resume(&drafts[0].draft).unwrap();
    assert_eq!(form.questions().into_iter().find(|q| q.name == "name_hi").unwrap().value.as_deref(), Some("चमेली"));
    drop(form);

    let synced = sync(&officer).await;
    assert_eq!((synced.refused.len(), synced.forked), (0, false));
    assert_eq!(value(&officer, &theirs, "name_hi"), "फूलवती");
    assert_eq!(officer.export(None).unwrap(), before);
    assert_eq!(officer.status().unwrap().unsent_ops, 0);
    sync(&second).await;
    assert_eq!(value(&second, &sent, "height_cm"), "132");
    assert_eq!(value(&second, &unsent, "name_hi"), "श्यामकली");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rebuild_several_unsent_saves_are_cut_and_taken_in_every_stream() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    for name in ["सुनीता", "अनीता", "गीता"] {
        save(&worker, "awareness_session", &session(name));
    }
    drop(worker);
    phone.lose_database();
    let worker = phone.reopen();
    let sent = sync(&worker).await;
    assert_eq!((sent.sent_ops, sent.sent_segments, sent.refused.len()), (3, 3, 0));
    let (_c, supervisor) = world.enrolled("supervisor", world.supervisor).await;
    let rows = supervisor.list(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.line == "45 लोग"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_could_not_be_read_is_read_after_an_update() {
    let world = World::new().await;
    let (_a, worker) = world.enrolled("worker", world.worker).await;
    let (phone, other) = world.enrolled("colleague", world.worker).await;
    let record = save(&worker, "awareness_session", &session("सुनीता"));
    sync(&worker).await;
    sync(&other).await;
    assert!(other.show(&record).is_ok());
    drop(other);
    // What an older app would hold: the segments, kept aside, and none of their ops.
    crate::world::vault(&phone)
        .write(|tx| -> Result<_, samanvay_vault::VaultError> {
            tx.execute_batch(
                "UPDATE segments SET state = 'waiting', reason = 'unknown_form' WHERE state = 'read';
                 DELETE FROM ops; DELETE FROM records;",
            )?;
            Ok(())
        })
        .unwrap();
    let other = phone.reopen();
    assert_eq!(value(&other, &record, "lead"), "सुनीता");
    assert_eq!(other.list(&Filter::default()).unwrap().len(), 1);
}
