//! Several phones and a hub over TLS on loopback.

use samanvay_records::view::{Filter, Place};
use samanvay_records::{RecordsError, SyncOptions};

use samanvay_sync::id::DeviceId;
use samanvay_sync::log::RemoveReason;

use crate::world::{World, change, report, save, session, sync, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_sees_the_report_whole_and_the_supervisor_only_its_coarse_facts() {
    let world = World::new().await;
    let (_a, officer) = world.enrolled("officer", world.officer).await;
    let (_b, second) = world.enrolled("second", world.second_officer).await;
    let (_c, supervisor) = world.enrolled("supervisor", world.supervisor).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    let sent = sync(&officer).await;
    assert_eq!((sent.sent_ops, sent.sent_segments, sent.refused.len()), (2, 3, 0));
    sync(&second).await;
    assert_eq!(value(&second, &record, "name_hi"), "रामकली");
    assert_eq!(second.list(&Filter::default()).unwrap()[0].place, Place::OnHub);

    let got = sync(&supervisor).await;
    assert_eq!(got.kept_aside, [] as [String; 0]);
    let rows = supervisor.list(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].line, "बालिका, 10–13 वर्ष, FIR 26 घंटे से लंबित");
    assert_eq!(rows[0].title, "गुमशुदा बच्चे की रिपोर्ट");
    let view = supervisor.show(&record).unwrap();
    for field in &view.fields {
        assert!(field.class == "A" || field.class == "B", "{} has come", field.name);
    }
    assert!(view.fields.iter().any(|f| f.name == "age_band" && f.label == "आयु वर्ग"));
    assert!(view.routes.is_empty() && view.hidden.is_empty());
    let export = supervisor.export(None).unwrap();
    assert!(!export.contains("रामकली") && !export.contains("काकोड़िया"));
    assert!(matches!(supervisor.edit(&record), Err(RecordsError::NotAllowed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_fact_of_a_case_cannot_be_linked_and_follows_the_case() {
    let world = World::new().await;
    let (_a, officer) = world.enrolled("officer", world.officer).await;
    let (_c, supervisor) = world.enrolled("supervisor", world.supervisor).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    sync(&officer).await;
    sync(&supervisor).await;
    let facts = Filter { kind: Some("case_fact".to_owned()), ..Filter::default() };
    let fact = supervisor.list(&facts).unwrap()[0].record.clone();
    assert_ne!(fact, record);
    assert_eq!(value(&supervisor, &fact, "state"), "open");
    assert_eq!(value(&supervisor, &fact, "kind"), "missing");
    assert_eq!(value(&supervisor, &fact, "month"), "202611");
    assert_eq!(value(&supervisor, &fact, "district"), "394");
    world.clock.forward(3600);
    change(&officer, &record, r#"{"status": "found_safe"}"#);
    sync(&officer).await;
    sync(&supervisor).await;
    assert_eq!(value(&supervisor, &fact, "state"), "closed");
    assert_eq!(supervisor.show(&fact).unwrap().history.len(), 2);
    assert_eq!(supervisor.list(&facts).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_saves_are_cut_into_one_segment_a_stream() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    for n in 0..30 {
        world.clock.forward(60);
        save(&worker, "awareness_session", &session(&format!("सुनीता {n}")));
    }
    assert_eq!(worker.status().unwrap().unsent_ops, 30);
    let sent = sync(&worker).await;
    assert_eq!((sent.sent_ops, sent.sent_segments, sent.rounds), (30, 3, 1));
    assert!(sent.bytes_up < 30 * 650, "{} bytes", sent.bytes_up);
    assert_eq!(worker.status().unwrap().unsent_ops, 0);
    let (_d, other) = world.enrolled("colleague", world.worker).await;
    assert_eq!(other.list(&Filter::default()).unwrap().len(), 30);
    // After the cut the chain goes on.
    save(&worker, "awareness_session", &session("अनीता"));
    drop(worker);
    let worker = phone.reopen();
    let sent = sync(&worker).await;
    assert_eq!((sent.sent_ops, sent.sent_segments, sent.refused.len()), (1, 3, 0));
    let report = sync(&other).await;
    assert_eq!(report.kept_aside, [] as [String; 0]);
    assert_eq!(other.list(&Filter::default()).unwrap().len(), 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_without_a_hub_fails_with_words_and_loses_nothing() {
    let mut world = World::new().await;
    let (_phone, worker) = world.enrolled("worker", world.worker).await;
    let lonely = world.phone("lonely").profiles().create("प्रोफ़ाइल 2", "739164").unwrap();
    assert!(matches!(lonely.sync(&SyncOptions::default()).await, Err(RecordsError::NotEnrolled)));
    save(&worker, "awareness_session", &session("सुनीता"));
    world.stop_hub().await;
    assert!(matches!(worker.sync(&SyncOptions::default()).await, Err(RecordsError::NoNetwork)));
    let status = worker.status().unwrap();
    assert_eq!(status.unsent_ops, 1);
    assert!(status.problem.unwrap().contains("हब तक नहीं पहुँच सके"));
    world.start_hub().await;
    let sent = sync(&worker).await;
    assert_eq!((sent.sent_ops, sent.refused.len()), (1, 0));
    assert_eq!(worker.status().unwrap().problem, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_phone_sends_its_frames_as_they_are() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    for name in ["सुनीता", "अनीता", "गीता"] {
        save(&worker, "awareness_session", &session(name));
    }
    worker.lock();
    assert!(worker.list(&Filter::default()).is_err());
    let sent = worker.sync_frames_locked().await.unwrap();
    assert_eq!((sent.sent_segments, sent.left), (9, 0));
    assert_eq!(worker.sync_frames_locked().await.unwrap().sent_segments, 0);
    drop(worker);
    let worker = phone.reopen();
    assert_eq!(worker.status().unwrap().unsent_ops, 0);
    save(&worker, "awareness_session", &session("मीरा"));
    let sent = sync(&worker).await;
    assert_eq!((sent.sent_ops, sent.sent_segments, sent.refused.len()), (1, 3, 0));
    let (_d, other) = world.enrolled("colleague", world.worker).await;
    assert_eq!(other.list(&Filter::default()).unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_restored_from_an_old_backup_gets_everything_again() {
    restored(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_says_it_was_restored_is_read_again_from_the_start() {
    restored(true).await;
}

async fn restored(announced: bool) {
    let mut world = World::new().await;
    let (_a, worker) = world.enrolled("worker", world.worker).await;
    let (_b, other) = world.enrolled("colleague", world.worker).await;
    save(&worker, "awareness_session", &session("सुनीता"));
    sync(&worker).await;
    world.stop_hub().await;
    let hub = world.folder.path().join("hub");
    let store = hub.join("hub.sqlite");
    let backup = std::fs::read(&store).unwrap();
    world.start_hub().await;
    save(&worker, "awareness_session", &session("अनीता"));
    sync(&worker).await;
    sync(&other).await;
    world.stop_hub().await;
    for file in std::fs::read_dir(&hub).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("hub.sqlite") {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::write(&store, backup).unwrap();
    if announced {
        let c = rusqlite::Connection::open(&store).unwrap();
        assert_eq!(c.execute("UPDATE meta SET incarnation = x'0102030405060708'", []).unwrap(), 1);
    }
    world.start_hub().await;
    // Somebody else's work takes the places that the lost work had.
    save(&other, "awareness_session", &session("कमला"));
    sync(&other).await;
    let again = sync(&worker).await;
    assert_eq!((again.refused, worker.status().unwrap().unsent_ops), (vec![], 0));
    let (_c, third) = world.enrolled("third", world.worker).await;
    assert_eq!(third.list(&Filter::default()).unwrap().len(), 3, "the hub has everything again");
    assert_eq!(worker.list(&Filter::default()).unwrap().len(), 3, "nobody misses what took a known place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_phone_is_found_out_and_both_works_are_kept() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    drop(worker);
    let copy = world.phone("copy");
    copy_folder(&phone.root, &copy.root);
    let (first, second) = (phone.reopen(), copy.reopen());
    save(&first, "awareness_session", &session("सुनीता"));
    save(&second, "awareness_session", &session("अनीता"));
    assert!(!sync(&first).await.forked);
    let report = sync(&second).await;
    assert!(report.forked);
    sync(&second).await;
    assert_eq!(second.status().unwrap().unsent_ops, 0);
    let (_d, other) = world.enrolled("colleague", world.worker).await;
    assert_eq!(other.list(&Filter::default()).unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_phone_is_refused_and_reads_nothing_that_is_written_afterwards() {
    let world = World::new().await;
    let (_a, officer) = world.enrolled("officer", world.officer).await;
    let (lost, second) = world.enrolled("second", world.second_officer).await;
    let before = save(&second, "missing_child", &report("फूलवती"));
    sync(&second).await;
    let device = DeviceId::from_hex(&second.device_id().unwrap()).unwrap();
    {
        let mut admin = world.admin.lock().await;
        admin.remove_device(device, RemoveReason::Lost).unwrap();
        admin.publish(&world.client).await.unwrap();
    }
    let Err(RecordsError::Refused(refusal)) = second.sync(&SyncOptions::default()).await else { panic!("served") };
    assert_eq!(refusal.code(), "removed");
    assert!(second.status().unwrap().problem.unwrap().contains("हटा दिया गया"));
    sync(&officer).await;
    assert_eq!(value(&officer, &before, "name_hi"), "फूलवती");
    let after = save(&officer, "missing_child", &report("रामकली"));
    assert_eq!(sync(&officer).await.refused, []);
    let (_c, successor) = world.enrolled("successor", world.second_officer).await;
    assert_eq!(value(&successor, &after, "name_hi"), "रामकली");
    assert_eq!(value(&successor, &before, "name_hi"), "फूलवती", "one wrap opens all history");
    drop(second);
    assert!(lost.reopen().show(&after).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_sync_leaves_a_whole_state_and_the_next_one_goes_on() {
    let world = World::new().await;
    let (_a, worker) = world.enrolled("worker", world.worker).await;
    for n in 0..5 {
        save(&worker, "awareness_session", &session(&format!("सुनीता {n}")));
    }
    // The first poll publishes and begins to send; the future is dropped before a reply can be seen.
    {
        let options = SyncOptions::default();
        let sync = worker.sync(&options);
        tokio::pin!(sync);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(sync.as_mut().poll(&mut context).is_pending());
    }
    assert!(!worker.status().unwrap().running);
    save(&worker, "awareness_session", &session("अनीता"));
    let report = sync(&worker).await;
    assert_eq!((report.sent_ops, report.refused.len(), report.forked), (6, 0, false));
    let (_d, other) = world.enrolled("colleague", world.worker).await;
    assert_eq!(other.list(&Filter::default()).unwrap().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hub_took_and_the_phone_does_not_know_of_is_sent_again_and_held() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    for round in 0..2 {
        save(&worker, "awareness_session", &session(&format!("सुनीता {round}")));
        sync(&worker).await;
    }
    drop(worker);
    // As if the replies had been lost on the way.
    crate::world::vault(&phone)
        .write(|tx| -> Result<_, samanvay_vault::VaultError> {
            tx.execute_batch(
                "UPDATE segments SET state = 'published'; UPDATE own_ops SET sent = 0; DELETE FROM receipts;",
            )?;
            Ok(())
        })
        .unwrap();
    let worker = phone.reopen();
    save(&worker, "awareness_session", &session("अनीता"));
    assert_eq!(worker.status().unwrap().unsent_ops, 3);
    let report = sync(&worker).await;
    assert_eq!((report.sent_ops, report.sent_segments, report.refused.len(), report.forked), (3, 9, 0, false));
}

/// Design goal: one record on a warm connection in 650 bytes, each further stream 250, before HTTP and TLS.
#[tokio::test(flavor = "multi_thread")]
async fn one_record_costs_little_and_what_was_sent_does_not_come_back() {
    let world = World::new().await;
    let (_a, officer) = world.enrolled("officer", world.officer).await;
    for name in ["रामकली", "फूलवती"] {
        save(&officer, "missing_child", &report(name));
        let sent = sync(&officer).await;
        assert_eq!((sent.sent_segments, sent.rounds, sent.received_segments), (3, 1, 0));
        assert!(sent.bytes_up + sent.bytes_down <= 650 + 2 * 250, "{} up, {} down", sent.bytes_up, sent.bytes_down);
    }
}

#[test]
fn a_sync_can_run_on_any_thread() {
    fn is_send<T: Send>(_: fn(&'static samanvay_records::Profile, &'static SyncOptions) -> T) {}
    is_send(samanvay_records::Profile::sync);
}

pub fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
