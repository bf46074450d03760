//! The offline side: what an admin's file holds and what follows from what.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has failed")]

use std::path::Path;
use std::sync::Arc;

use samanvay_records::admin::{Admin, AdminError, Authority, HubInfo};
use samanvay_records::env::{Clock, Moment};
use samanvay_sync::id::{Hash, PostId, UnitId};
use samanvay_sync::keys::{BoxKey, Card, DeviceKeys, SignKey, SystemRandom, TransportKey};
use samanvay_sync::log::{PostRole, Purpose, RemoveReason, Rights, UnitKind};
use samanvay_sync::schema::{ClassMask, Clearance};
use samanvay_vault::KdfParams;

const CHEAP: KdfParams = KdfParams::WEAK_FOR_TESTS;
const PASSPHRASE: &str = "सात नीले मोर और नदी";
const BETUL: u32 = 394;

struct At(i64);

impl Clock for At {
    fn now(&self) -> Moment {
        Moment { millis: self.0 * 1000, offset_minutes: 330 }
    }
}

fn authority(folder: &Path) -> Authority {
    Authority::create(&folder.join("authority.key"), PASSPHRASE, CHEAP).unwrap()
}

fn admin(folder: &Path, authority: &Authority) -> Admin {
    let (public, recovery) = (authority.public(), authority.recovery());
    let path = folder.join("betul.key");
    let mut admin = Admin::create(&path, PASSPHRASE, CHEAP, public, recovery, Arc::new(At(1_764_000_000))).unwrap();
    let card = authority.certify(admin.public().unwrap(), BETUL, "ज़िला प्रबंधक, बैतूल");
    admin.accept_card(&card).unwrap();
    admin
}

fn card() -> Card {
    let mut random = SystemRandom::new();
    let sign = SignKey::generate(&mut random).unwrap().0;
    let transport = SignKey::generate(&mut random).unwrap().0.public();
    DeviceKeys { sign, boxk: BoxKey::generate(&mut random).unwrap() }.card(TransportKey { public: transport })
}

fn station(admin: &mut Admin) -> (UnitId, PostId) {
    let unit = admin.add_unit(UnitKind::PoliceStation, "महिला थाना बैतूल").unwrap();
    let post = admin.add_post(unit, PostRole::InCharge, "थाना प्रभारी").unwrap();
    (unit, post)
}

fn hub() -> HubInfo {
    HubInfo { url: "https://localhost:8443".into(), ca: vec![1; 300], pin: Hash([2; 32]), public: [3; 32] }
}

#[test]
fn an_admin_without_a_certificate_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let (public, recovery) = (authority.public(), authority.recovery());
    let path = folder.path().join("new.key");
    let mut admin = Admin::create(&path, PASSPHRASE, CHEAP, public, recovery, Arc::new(At(0))).unwrap();
    assert!(matches!(admin.add_unit(UnitKind::Ngo, "आशा"), Err(AdminError::NotCertified)));
    let other = authority.certify([9; 32], BETUL, "कोई और");
    assert!(matches!(admin.accept_card(&other), Err(AdminError::NotForThisAdmin)));
    let second = Authority::create(&folder.path().join("second.key"), PASSPHRASE, CHEAP).unwrap();
    let false_card = second.certify(admin.public().unwrap(), BETUL, "झूठा");
    assert!(matches!(admin.accept_card(&false_card), Err(AdminError::NotForThisAdmin)));
}

#[test]
fn what_was_made_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let mut made = admin(folder.path(), &authority);
    let (unit, post) = station(&mut made);
    let stream = made
        .add_stream(
            Purpose::Unit,
            Clearance::of(&[ClassMask::A, ClassMask::B, ClassMask::C, ClassMask::V, ClassMask::M]),
            "महिला थाना बैतूल",
        )
        .unwrap();
    made.set_member(stream, unit, post, Rights::BOTH).unwrap();
    drop(made);
    let reopened = Admin::open(&folder.path().join("betul.key"), PASSPHRASE, Arc::new(At(0))).unwrap();
    let names: Vec<_> = reopened.units().map(|unit| unit.info().unwrap().name.clone()).collect();
    assert_eq!(names, ["महिला थाना बैतूल"]);
    assert_eq!(reopened.streams().map(|(id, _)| id).collect::<Vec<_>>(), [stream]);
    let again = Authority::open(&folder.path().join("authority.key"), PASSPHRASE).unwrap();
    assert_eq!((again.public(), again.recovery()), (authority.public(), authority.recovery()));
}

#[test]
fn a_bound_device_gets_the_keys_of_its_posts_streams_and_loses_the_next_epoch_when_removed() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let mut admin = admin(folder.path(), &authority);
    let (unit, post) = station(&mut admin);
    let stream = admin
        .add_stream(
            Purpose::Unit,
            Clearance::of(&[ClassMask::A, ClassMask::B, ClassMask::C, ClassMask::V, ClassMask::M]),
            "महिला थाना",
        )
        .unwrap();
    admin.set_member(stream, unit, post, Rights::BOTH).unwrap();
    let (first, second) = (card(), card());
    let device = admin.bind(unit, post, &first).unwrap();
    let stays = admin.bind(unit, post, &second).unwrap();
    let readers = admin.readers(stream).unwrap();
    assert!(readers.contains(&device) && readers.contains(&stays));
    assert_eq!(admin.newest_epoch(stream), Some(1));

    admin.remove_device(device, RemoveReason::Lost).unwrap();
    assert_eq!(admin.readers(stream).unwrap(), [stays]);
    assert_eq!(admin.newest_epoch(stream), Some(2));
    assert!(matches!(admin.remove_device(device, RemoveReason::Lost), Err(AdminError::Unknown("device"))));
}

#[test]
fn taking_reading_away_starts_an_epoch_and_giving_writing_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let mut admin = admin(folder.path(), &authority);
    let (unit, post) = station(&mut admin);
    admin.bind(unit, post, &card()).unwrap();
    let stream =
        admin.add_stream(Purpose::RollUp, Clearance::of(&[ClassMask::A, ClassMask::B]), "बैतूल ज़िला सार").unwrap();
    admin.set_member(stream, unit, post, Rights::WRITER).unwrap();
    assert_eq!((admin.newest_epoch(stream), admin.readers(stream).unwrap().len()), (Some(1), 0));
    admin.set_member(stream, unit, post, Rights::BOTH).unwrap();
    assert_eq!((admin.newest_epoch(stream), admin.readers(stream).unwrap().len()), (Some(1), 1));
    admin.set_member(stream, unit, post, Rights::WRITER).unwrap();
    assert_eq!((admin.newest_epoch(stream), admin.readers(stream).unwrap().len()), (Some(2), 0));
}

#[test]
fn names_of_another_admins_things_are_refused_and_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let mut admin = admin(folder.path(), &authority);
    let (unit, post) = station(&mut admin);
    let nobody = (UnitId([7; 16]), PostId([7; 16]));
    assert!(matches!(admin.add_post(nobody.0, PostRole::InCharge, "x"), Err(AdminError::Unknown("unit"))));
    assert!(matches!(admin.bind(unit, nobody.1, &card()), Err(AdminError::Unknown("post"))));
    assert!(matches!(admin.invite(unit, nobody.1, &hub(), 900), Err(AdminError::Unknown("post"))));
    let stream = samanvay_sync::id::StreamId([8; 16]);
    assert!(matches!(admin.set_member(stream, unit, post, Rights::BOTH), Err(AdminError::Unknown("stream"))));
    assert_eq!(admin.units().next().unwrap().len(), 2);
}
