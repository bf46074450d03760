//! Files of a profile that are damaged, one after the other: it opens, says what is gone, and goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use samanvay_records::observer::{Changed, Observer};
use samanvay_records::view::Filter;
use samanvay_records::{Profile, RecordsError, SyncOptions};

use crate::world::{PIN, World, flip, save, session, sync, vault};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn count(profile: &Profile) -> usize {
    profile.list(&Filter::default()).unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_beside_the_database_keeps_no_profile_closed() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    drop(worker);
    let mut saved = 0;
    let mut hubs = 0;
    for folder in ["ring", "state"] {
        for file in files(&phone.profile_folder().join(folder)) {
            if !file.exists() {
                continue;
            }
            let length = std::fs::read(&file).unwrap().len();
            for at in [0, length / 2, length - 1] {
                flip(&file, at);
            }
            let worker = phone.reopen();
            if let Err(error) = worker.sync(&SyncOptions::default()).await {
                assert!(matches!(error, RecordsError::NotEnrolled), "{error:?}");
                hubs += 1;
                // Work goes on without the hub, and an invite brings it again.
                save(&worker, "awareness_session", &session(&format!("सुनीता {saved}")));
                saved += 1;
                let code =
                    world.admin.lock().await.invite(world.worker.unit, world.worker.post, &world.info, 900).unwrap();
                worker.enrol(&code).await.unwrap();
                sync(&worker).await;
            }
            save(&worker, "awareness_session", &session(&format!("सुनीता {saved}")));
            saved += 1;
            let report = sync(&worker).await;
            assert_eq!((report.refused, report.forked, worker.status().unwrap().unsent_ops), (vec![], false, 0));
            assert_eq!(count(&worker), saved);
        }
    }
    assert_eq!(hubs, 1);
    assert!(saved > 8, "{saved} files");
    let (_b, other) = world.enrolled("colleague", world.worker).await;
    assert_eq!(count(&other), saved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_file_and_a_lost_label_keep_no_profile_out_of_reach() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    save(&worker, "awareness_session", &session("सुनीता"));
    drop(worker);
    let folder = phone.profile_folder();
    std::fs::write(folder.join("ring").join(".nomedia"), b"").unwrap();
    std::fs::write(folder.join("label"), [0xff, 0xfe, b'1']).unwrap();
    assert_eq!(count(&phone.reopen()), 1);
    std::fs::remove_file(folder.join("label")).unwrap();
    std::fs::create_dir(folder.parent().unwrap().join("cut-short")).unwrap();
    let listed = phone.profiles().list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].label, listed[0].id);
    assert_eq!(count(&phone.reopen()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_came_back_without_its_streams_logs_is_read_once_they_are_back() {
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    save(&worker, "awareness_session", &session("सुनीता"));
    sync(&worker).await;
    for name in ["अनीता", "गीता"] {
        save(&worker, "awareness_session", &session(name));
    }
    drop(worker);
    {
        let vault = vault(&phone);
        for name in vault.ring_names().unwrap().iter().filter(|name| name.starts_with("log-")) {
            vault.ring_put(name, b"no longer a log").unwrap();
        }
    }
    phone.lose_database();
    let worker = phone.reopen();
    assert_eq!(count(&worker), 0, "nothing can be read without keys");
    let report = sync(&worker).await;
    assert_eq!((report.refused, report.forked), (vec![], false));
    assert_eq!((count(&worker), worker.status().unwrap().unsent_ops), (3, 0));
    save(&worker, "awareness_session", &session("मीरा"));
    assert_eq!(sync(&worker).await.refused, []);
    let (_b, other) = world.enrolled("colleague", world.worker).await;
    assert_eq!(count(&other), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_is_found_and_the_next_unlock_makes_the_database_anew() {
    const PAGE: usize = 4096;
    let world = World::new().await;
    let (phone, worker) = world.enrolled("worker", world.worker).await;
    for name in ["सुनीता", "अनीता", "गीता"] {
        save(&worker, "awareness_session", &session(name));
    }
    worker.lock();
    drop(worker);
    let file = phone.profile_folder().join("vault.db");
    let good = std::fs::read(&file).unwrap();
    let pages = good.len() / PAGE;
    assert!(pages > 10, "the checkpoint left {pages} pages");
    let mut rebuilt = 0;
    for page in (1..pages).step_by(3) {
        let worker = phone.locked();
        worker.unlock(PIN).unwrap();
        worker.lock();
        drop(worker);
        flip(&file, page * PAGE + PAGE / 2);
        let worker = phone.locked();
        // Whoever meets the page first: the unlock itself, a reader, or the look at every page when the profile is locked.
        let mut found = worker.unlock(PIN).unwrap().rebuilt;
        let listed = worker.list(&Filter::default());
        worker.lock();
        found |= worker.unlock(PIN).unwrap().rebuilt;
        assert!(found, "page {page}");
        rebuilt += u32::from(listed.is_err());
        assert_eq!((count(&worker), worker.status().unwrap().unsent_ops), (3, 3));
        assert!(!worker.unlock(PIN).unwrap().rebuilt, "once");
    }
    let worker = phone.reopen();
    let report = sync(&worker).await;
    assert_eq!((report.refused, worker.status().unwrap().unsent_ops), (vec![], 0), "{rebuilt} met by a reader");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_save_that_began_a_draft_costs_the_draft_and_nothing_else() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    save(&officer, "awareness_session", &session("सुनीता"));
    let mut form = officer.start("missing_child").unwrap();
    let field = |form: &mut samanvay_records::FormSession, name: &str| {
        form.questions().into_iter().find(|q| q.name == name).unwrap().field
    };
    let at = field(&mut form, "name_hi");
    form.answer(&at, "रामकली").unwrap();
    let lost = phone.outbox_end();
    let at = field(&mut form, "age_years");
    form.answer(&at, "11").unwrap();
    let at = field(&mut form, "father_name");
    form.answer(&at, "रामसनेही").unwrap();
    drop(form);
    save(&officer, "awareness_session", &session("अनीता"));
    drop(officer);
    phone.lose_save(lost);
    phone.lose_database();
    let officer = phone.locked();
    let report = officer.unlock(PIN).unwrap();
    assert!(report.rebuilt);
    assert_eq!(report.lost, 3, "the beginning, and two answers without a place");
    assert_eq!((count(&officer), officer.drafts().unwrap().len()), (2, 0));
    let sent = sync(&officer).await;
    assert_eq!((sent.refused, officer.status().unwrap().unsent_ops), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_resumed_twice_becomes_one_record() {
    let world = World::new().await;
    let (_phone, worker) = world.enrolled("worker", world.worker).await;
    let mut form = worker.start("awareness_session").unwrap();
    let answers = samanvay_records::answers::Answers::read(&session("सुनीता")).unwrap();
    samanvay_records::answers::fill(&mut form, &answers).unwrap().unwrap();
    let lead = form.questions().into_iter().find(|q| q.name == "lead").unwrap().field;
    form.answer(&lead, "अनीता").unwrap();
    let draft = form.draft();
    drop(form);
    let (mut first, mut second) = (worker.resume(&draft).unwrap(), worker.resume(&draft).unwrap());
    first.finish().unwrap();
    assert!(matches!(second.answer(&lead, "गीता"), Err(RecordsError::NotFound("draft"))));
    assert!(matches!(second.finish(), Err(RecordsError::NotFound("draft"))));
    assert_eq!((count(&worker), worker.status().unwrap().unsent_ops), (1, 1));
}

/// Saves whenever records change, until it has saved.
struct Saver(Profile, std::sync::atomic::AtomicBool);

impl Observer for Saver {
    fn changed(&self, what: Changed) {
        if what == Changed::Records && !self.1.swap(true, std::sync::atomic::Ordering::SeqCst) {
            save(&self.0, "awareness_session", &session("अनीता"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_may_save() {
    let world = World::new().await;
    let (_a, worker) = world.enrolled("worker", world.worker).await;
    let (_b, other) = world.enrolled("colleague", world.worker).await;
    save(&worker, "awareness_session", &session("सुनीता"));
    sync(&worker).await;
    let watched = other.observe(Arc::new(Saver(other.clone(), false.into())));
    sync(&other).await;
    drop(watched);
    assert_eq!(count(&other), 2);
}
