//! What becomes of own chains when the outbox lost a save, and when work is sent while locked.

use samanvay_records::view::{Filter, LockedReport};
use samanvay_records::{Profile, RecordsError, SyncOptions};
use samanvay_sync::bytes::Writer;
use samanvay_sync::log::Rights;

use crate::world::{PIN, Phone, World, save, session, sync, vault};

fn count(profile: &Profile) -> usize {
    profile.list(&Filter::default()).unwrap().len()
}

/// Bytes of the files that are readable while locked.
fn state_bytes(phone: &Phone) -> u64 {
    let files = std::fs::read_dir(phone.profile_folder().join("state")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_in_vain_while_locked_adds_nothing() {
    let mut world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    for name in ["सुनीता", "अनीता", "गीता"] {
        save(&worker, "awareness_session", &session(name));
    }
    worker.lock();
    world.stop_hub().await;
    let mut sizes = Vec::new();
    for _ in 0..4 {
        assert!(matches!(worker.sync_frames_locked().await, Err(RecordsError::NoNetwork)));
        sizes.push(state_bytes(&phone));
    }
    assert!(sizes.iter().all(|size| *size <= sizes[0] + 1), "{sizes:?}");
    world.start_hub().await;
    worker.unlock(PIN).unwrap();
    let sent = sync(&worker).await;
    assert_eq!((sent.sent_ops, sent.refused, sent.forked), (3, vec![], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_notes_than_one_save_holds_are_brought_in_all_the_same() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    save(&worker, "awareness_session", &session("सुनीता"));
    worker.lock();
    assert_eq!(worker.sync_frames_locked().await.unwrap().sent_segments, 3);
    drop(worker);
    {
        // As an app left it that noted every try.
        let vault = vault(&phone);
        let mut notes = Writer::new();
        notes.u8(1).count(5000);
        for n in 0..5000u64 {
            let mut published = Writer::new();
            published.raw([7; 16]).raw([8; 8]).varint(n).raw([9; 32]);
            notes.u8(3).bytes(published.finish());
        }
        vault.state_put("locked", notes.as_slice()).unwrap();
    }
    let worker = phone.reopen();
    assert_eq!(count(&worker), 1);
    assert!(vault_state(&phone, worker).is_none());
}

fn vault_state(phone: &Phone, profile: Profile) -> Option<usize> {
    drop(profile);
    vault(phone).state_get("locked").unwrap().map(|notes| notes.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_may_have_left_are_not_cut_when_the_notes_are_lost() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    for name in ["सुनीता", "अनीता"] {
        save(&worker, "awareness_session", &session(name));
    }
    worker.lock();
    assert_eq!(worker.sync_frames_locked().await.unwrap().sent_segments, 6);
    drop(worker);
    vault(&phone).state_put("locked", b"\x07no notes").unwrap();
    let worker = phone.reopen();
    save(&worker, "awareness_session", &session("गीता"));
    let sent = sync(&worker).await;
    assert_eq!((sent.sent_ops, sent.refused, sent.forked), (3, vec![], false));
    assert_eq!(worker.status().unwrap().unsent_ops, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unlocking_while_frames_are_sent_forks_nothing() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    for round in 0..4 {
        for name in ["सुनीता", "अनीता"] {
            save(&worker, "awareness_session", &session(&format!("{name} {round}")));
        }
        worker.lock();
        let sending = worker.clone();
        let sending = tokio::spawn(async move { sending.sync_frames_locked().await });
        worker.unlock(PIN).unwrap();
        sending.await.unwrap().unwrap();
        save(&worker, "awareness_session", &session(&format!("गीता {round}")));
        let sent = sync(&worker).await;
        assert_eq!((sent.refused, sent.forked, worker.status().unwrap().unsent_ops), (vec![], false, 0));
    }
    save(&worker, "awareness_session", &session("मीरा"));
    assert_eq!(worker.sync_frames_locked().await.unwrap(), LockedReport::default(), "unlocked, `sync` sends");
    drop(worker);
    assert_eq!(count(&phone.reopen()), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_its_receipt_is_not_read_again_while_locked() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    save(&worker, "awareness_session", &session("सुनीता"));
    worker.lock();
    assert_eq!(worker.sync_frames_locked().await.unwrap().sent_segments, 3);
    worker.unlock(PIN).unwrap();
    save(&worker, "awareness_session", &session("अनीता"));
    worker.lock();
    assert_eq!(worker.sync_frames_locked().await.unwrap().sent_segments, 3);
    drop(worker);
    let vault = vault(&phone);
    let settled = vault.state_get("settled").unwrap().unwrap();
    let records = vault.outbox_entries(samanvay_vault::outbox::Position(0)).unwrap().count() as u64;
    assert_eq!(u64::from_le_bytes(settled.as_slice().try_into().unwrap()), records);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_save_the_rest_of_the_chain_goes_on_in_another_and_no_sync_forks_again() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    save(&worker, "awareness_session", &session("सुनीता"));
    save(&worker, "awareness_session", &session("अनीता"));
    let lost = phone.outbox_end();
    for name in ["गीता", "मीरा"] {
        save(&worker, "awareness_session", &session(name));
    }
    drop(worker);
    phone.lose_save(lost);
    phone.lose_database();
    let worker = phone.locked();
    assert_eq!(worker.unlock(PIN).unwrap().lost, 1);
    save(&worker, "awareness_session", &session("कमला"));
    let sent = sync(&worker).await;
    assert!(!sent.forked, "nobody copied this phone");
    assert_eq!(worker.status().unwrap().unsent_ops, 0);
    for _ in 0..2 {
        let again = sync(&worker).await;
        assert_eq!((again.refused, again.forked, again.rounds, again.sent_ops), (vec![], false, 1, 0));
    }
    let (_b, other) = world.enrolled("colleague", world.worker).await;
    assert_eq!((count(&worker), count(&other)), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_before_the_rights_ended_is_not_sealed_anew_where_they_have_ended() {
    let world = World::new().await;
    let (_phone, worker) = world.enrolled("worker", world.worker).await;
    {
        let mut admin = world.admin.lock().await;
        admin.set_member(world.streams.ngo, world.worker.unit, world.worker.post, Rights::READER).unwrap();
        admin.publish(&world.client).await.unwrap();
    }
    let options = SyncOptions::default();
    let syncing = worker.sync(&options);
    tokio::pin!(syncing);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(syncing.as_mut().poll(&mut context).is_pending());
    // While the request is under way: the reply brings the entry that ends the right.
    for name in ["सुनीता", "अनीता"] {
        save(&worker, "awareness_session", &session(name));
    }
    let report = syncing.await.unwrap();
    assert!(report.refused.iter().all(|refused| refused.reason == "quarantined"), "{:?}", report.refused);
    assert_eq!((report.rounds, report.forked, worker.status().unwrap().unsent_ops), (2, false, 0));
    let again = sync(&worker).await;
    assert_eq!((again.refused, again.sent_segments, again.rounds), (vec![], 0, 1));
}
