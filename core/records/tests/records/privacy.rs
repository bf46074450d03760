//! What people with a place in the district, and a changed app, cannot do to others' records.

use samanvay_records::error::NotAllowed;
use samanvay_records::view::{FieldView, Filter};
use samanvay_records::{Profile, RecordsError, kinds};
use samanvay_sync::id::{DeviceId, Generation, OpId, RecordId, StreamId};
use samanvay_sync::log::{EpochKeys, Purpose, Rights};
use samanvay_sync::op::{Change, Op, Role, Route, Value, Write};
use samanvay_sync::payload;
use samanvay_sync::schema::Clearance;
use samanvay_sync::segment::{Segment, open};
use samanvay_vault::VaultError;

use crate::syncing::copy_folder;
use crate::world::{NOON, Phone, World, change, report, save, session, sync, value, vault};

const STRANGER: DeviceId = DeviceId([0x99; 16]);
/// 2026-11-01, 00:00 UTC.
const MONTH: i64 = 1_793_491_200;

fn stranger(counter: u64) -> OpId {
    OpId { device: STRANGER, generation: Generation([0x66; 8]), counter, tag: [1; 4] }
}

/// An op of a stranger's device, as no honest app writes it.
fn op(record: &str, kind: &str, counter: u64, changes: Vec<Change>) -> Op {
    let schema = kinds::named(kind).unwrap().schema().id();
    let record = RecordId::from_hex(record).unwrap();
    let seconds = NOON / 1000 + 900;
    Op { id: stranger(counter), record, schema, creates: false, anchored: false, seconds, routes: Vec::new(), changes }
}

fn set(kind: &str, field: &str, replaces: &[OpId], value: Value) -> Change {
    let field = kinds::named(kind).unwrap().form().field_by_path(field).unwrap().id;
    Change { rows: Vec::new(), field, replaces: replaces.to_vec(), write: Write::Set(value) }
}

/// Puts ops into a phone's database as if these streams had brought them.
fn plant(phone: &Phone, ops: &[(&Op, StreamId)]) {
    vault(phone)
        .write(|tx| -> Result<_, VaultError> {
            for (op, stream) in ops {
                let body = payload::standalone(op, op.id.device, op.id.generation).unwrap();
                let counter = i64::try_from(op.id.counter).unwrap();
                tx.execute(
                    "INSERT INTO ops (record, device, generation, counter, tag, stream, body, seconds, hidden)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, x'')",
                    (op.record.0, op.id.device.0, op.id.generation.0, counter, op.id.tag, stream.0, body, op.seconds),
                )?;
            }
            Ok(())
        })
        .unwrap();
}

/// Own segments of a stream, oldest first.
fn segments(phone: &Phone, stream: StreamId) -> Vec<Segment> {
    let rows = vault(phone).read(|c| -> Result<Vec<Vec<u8>>, VaultError> {
        let mut statement = c.prepare("SELECT bytes FROM segments WHERE stream = ?1 ORDER BY noted, first")?;
        Ok(statement.query_map([stream.0], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?)
    });
    rows.unwrap().iter().map(|bytes| Segment::decode(bytes).unwrap()).collect()
}

/// The id of the op that created a record.
fn creating_op(phone: &Phone, record: &str) -> OpId {
    let record = RecordId::from_hex(record).unwrap();
    let sql = "SELECT device, generation, counter, tag FROM ops WHERE record = ?1 ORDER BY counter LIMIT 1";
    let row = vault(phone).read(|c| -> Result<_, VaultError> {
        Ok(c.query_row(sql, [record.0], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, i64>(2)?, r.get(3)?)))?)
    });
    let (device, generation, counter, tag) = row.unwrap();
    OpId { device: DeviceId(device), generation: Generation(generation), counter: u64::try_from(counter).unwrap(), tag }
}

fn field(profile: &Profile, record: &str, name: &str) -> FieldView {
    profile.show(record).unwrap().fields.into_iter().find(|field| field.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_route_is_told_of_and_not_followed() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    let streams = &world.streams;
    drop(officer);
    let wanted = vec![Route { stream: streams.coordination, role: Role::Projection }];
    // From a stream that is read, from the home stream later, and from the home stream as if it had been first.
    let first = op(&record, "missing_child", 1, Vec::new());
    let edit = Op { routes: wanted.clone(), ..first.clone() };
    let created =
        Op { creates: true, routes: wanted.clone(), seconds: 7, ..op(&record, "missing_child", 2, Vec::new()) };
    let home = Route { stream: streams.station, role: Role::Home };
    let founding = Op { routes: [vec![home], wanted].concat(), id: stranger(3), ..created.clone() };
    plant(
        &phone,
        &[(&edit, streams.open), (&edit, streams.station), (&created, streams.station), (&founding, streams.station)],
    );
    let officer = phone.reopen();
    assert!(!officer.show(&record).unwrap().doubts.is_empty());
    change(&officer, &record, r#"{"clothes": "नीली फ्रॉक", "status": "found_unverified"}"#);
    drop(officer);
    assert!(segments(&phone, streams.coordination).is_empty(), "nothing leaks to where somebody wanted it");
    assert_eq!(segments(&phone, streams.station).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_write_the_home_stream_changes_nothing_there() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    drop(officer);
    let created = creating_op(&phone, &record);
    let late =
        op(&record, "missing_child", 1, vec![set("missing_child", "clothes", &[created], Value::Text("लाल".into()))]);
    let flip =
        op(&record, "awareness_session", 2, vec![set("awareness_session", "lead", &[], Value::Text("कोई".into()))]);
    let home_flip = op(&record, "awareness_session", 3, flip.changes.clone());
    let streams = &world.streams;
    plant(&phone, &[(&late, streams.open), (&flip, streams.open), (&home_flip, streams.station)]);
    let officer = phone.reopen();
    let view = officer.show(&record).unwrap();
    assert_eq!((view.kind.as_str(), view.title.as_str()), ("missing_child", "रामकली"));
    assert_eq!(value(&officer, &record, "clothes"), "");
    assert_eq!(view.doubts.len(), 1, "but it is known that something came");
    assert_eq!(view.history.len(), 1);
    change(&officer, &record, r#"{"clothes": "नीली फ्रॉक"}"#);
    assert_eq!(value(&officer, &record, "clothes"), "नीली फ्रॉक");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_two_streams_claim_is_not_edited() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    let second = {
        let mut admin = world.admin.lock().await;
        let second = admin.add_stream(Purpose::Unit, Clearance::ALL, "महिला थाना, दूसरी").unwrap();
        admin.set_member(second, world.officer.unit, world.officer.post, Rights::BOTH).unwrap();
        admin.publish(&world.client).await.unwrap();
        second
    };
    sync(&officer).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    drop(officer);
    let home = world.streams.station.min(second);
    let other = world.streams.station.max(second);
    assert_eq!(segments(&phone, home).len(), 1, "of two like streams the lower id is home");
    let routes = vec![Route { stream: other, role: Role::Home }];
    let claim = Op { creates: true, routes, ..op(&record, "missing_child", 1, Vec::new()) };
    plant(&phone, &[(&claim, other)]);
    let officer = phone.reopen();
    let refused = officer.edit(&record);
    assert!(matches!(refused, Err(RecordsError::NotAllowed(NotAllowed::Contested))));
    assert!(!officer.show(&record).unwrap().doubts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_binds_a_device_without_an_invite_draws_no_records() {
    let world = World::new().await;
    let (_a, officer) = world.enrolled("officer", world.officer).await;
    let (_b, worker) = world.enrolled("worker", world.worker).await;
    let mut foreign = world.admin_of("harda", 396, "हरदा ज़िला");
    let stream = foreign.add_stream(Purpose::Unit, Clearance::ALL, "हरदा").unwrap();
    for profile in [&officer, &worker] {
        let device = DeviceId::from_hex(&profile.device_id().unwrap()).unwrap();
        let card = {
            let admin = world.admin.lock().await;
            let found = admin.units().flat_map(|unit| unit.devices()).find(|(id, ..)| *id == device).unwrap();
            found.2.clone()
        };
        // As many units as it takes for one of them to have a lower id than any of the district's own.
        for _ in 0..6 {
            let unit = foreign.add_unit(samanvay_sync::log::UnitKind::PoliceStation, "हरदा थाना").unwrap();
            let post = foreign.add_post(unit, samanvay_sync::log::PostRole::InCharge, "थाना प्रभारी").unwrap();
            foreign.bind(unit, post, &card).unwrap();
            foreign.set_member(stream, unit, post, Rights::BOTH).unwrap();
        }
    }
    foreign.publish(&world.client).await.unwrap();
    for profile in [&officer, &worker] {
        sync(profile).await;
        sync(profile).await;
    }
    assert!(matches!(worker.start("missing_child"), Err(RecordsError::NotAllowed(NotAllowed::NoHome))));
    for n in 0..3 {
        let record = save(&officer, "missing_child", &report(&format!("रामकली {n}")));
        let routes = officer.show(&record).unwrap().routes;
        let names: Vec<_> = routes.iter().map(|r| (r.role.as_str(), r.stream.as_str())).collect();
        assert_eq!(names, [("home", "महिला थाना"), ("projection", "बैतूल सार"), ("alias", "बैतूल खुला")]);
    }
    let record = save(&worker, "awareness_session", &session("अनीता"));
    assert_eq!(worker.show(&record).unwrap().routes[0].stream, "उजाला समिति");
    assert_eq!(worker.show(&record).unwrap().history[0].by, "क्षेत्र कार्यकर्ता, उजाला समिति");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_an_open_fact_names_its_report() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    save(&officer, "missing_child", &report("फूलवती"));
    world.clock.forward(3_600);
    change(&officer, &record, r#"{"status": "found_unverified", "clothes": "नीली फ्रॉक"}"#);
    change(&officer, &record, r#"{"status": "returned"}"#);
    let report = sync(&officer).await;
    assert_eq!((report.refused.len(), report.forked), (0, false));
    assert_eq!(officer.status().unwrap().unsent_ops, 0);
    drop(officer);
    let home = segments(&phone, world.streams.station);
    let facts = segments(&phone, world.streams.open);
    let main: Vec<_> = home.iter().map(|segment| segment.header.generation).collect();
    let ops: Vec<Op> = facts.iter().flat_map(|fact| open(fact, &EpochKeys::new()).unwrap()).collect();
    assert_eq!(ops.len(), 3, "two facts, and one that was closed");
    for fact in &facts {
        assert!(!main.contains(&fact.header.generation), "a chain of its own");
        for op in open(fact, &EpochKeys::new()).unwrap() {
            assert_eq!(op.id.generation, fact.header.generation);
            assert!(op.id.counter < 2, "no count of what the device did");
            assert_eq!((op.seconds, op.anchored), (MONTH, false));
        }
    }
    let mut generations: Vec<_> = ops.iter().filter(|op| op.creates).map(|op| op.id.generation).collect();
    generations.dedup();
    assert_eq!(generations.len(), 2, "and another one for each fact");
    let (_b, supervisor) = world.enrolled("supervisor", world.supervisor).await;
    let filter = Filter { kind: Some("case_fact".to_owned()), ..Filter::default() };
    let states: Vec<String> =
        supervisor.list(&filter).unwrap().iter().map(|row| value(&supervisor, &row.record, "state")).collect();
    assert_eq!(states.iter().filter(|state| *state == "closed").count(), 1, "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_phone_goes_on_with_its_facts_apart() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    sync(&officer).await;
    drop(officer);
    let copy = world.phone("copy");
    copy_folder(&phone.root, &copy.root);
    for (phone, forks) in [(&phone, false), (&copy, true)] {
        let officer = phone.reopen();
        change(&officer, &record, r#"{"status": "returned"}"#);
        assert_eq!(sync(&officer).await.forked, forks);
        change(&officer, &record, r#"{"status": "open"}"#);
        let report = sync(&officer).await;
        assert_eq!((report.refused.len(), report.forked, officer.status().unwrap().unsent_ops), (0, false, 0));
    }
    let home: Vec<_> = segments(&copy, world.streams.station).iter().map(|segment| segment.header.generation).collect();
    let facts = segments(&copy, world.streams.open);
    assert!(facts.iter().all(|fact| !home.contains(&fact.header.generation)));
    let ops: Vec<Op> = facts.iter().flat_map(|fact| open(fact, &EpochKeys::new()).unwrap()).collect();
    assert!(ops.iter().all(|op| !home.contains(&op.id.generation) && op.seconds == MONTH));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_reader_works_out_calculated_fields_and_believes_nobody() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    assert_eq!(value(&officer, &record, "age_band"), "10_13");
    drop(officer);
    let created = creating_op(&phone, &record);
    let lie = op(&record, "missing_child", 1, vec![set("missing_child", "age_band", &[created], Value::Int(0))]);
    plant(&phone, &[(&lie, world.streams.station)]);
    let officer = phone.reopen();
    let band = field(&officer, &record, "age_band");
    assert_eq!((band.raw.as_str(), band.doubtful, band.conflict), ("10_13", true, false));
    assert!(officer.export(Some(&record)).unwrap().contains(r#""age_band": "10_13""#));
    change(&officer, &record, r#"{"clothes": "नीली फ्रॉक"}"#);
    let band = field(&officer, &record, "age_band");
    assert_eq!((band.raw.as_str(), band.doubtful), ("10_13", false), "the next edit has written it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calculated_cell_with_two_values_asks_nobody_and_is_written_by_the_next_edit() {
    let world = World::new().await;
    let (phone, officer) = world.enrolled("officer", world.officer).await;
    let record = save(&officer, "missing_child", &report("रामकली"));
    drop(officer);
    let other = op(&record, "missing_child", 1, vec![set("missing_child", "age_band", &[], Value::Int(0))]);
    let early = Op { seconds: 5, ..other };
    plant(&phone, &[(&early, world.streams.station)]);
    let officer = phone.reopen();
    assert_eq!(officer.conflicts().unwrap(), []);
    let band = field(&officer, &record, "age_band");
    assert_eq!((band.raw.as_str(), band.doubtful, band.conflict), ("10_13", false, false));
    change(&officer, &record, r#"{"clothes": "नीली फ्रॉक"}"#);
    drop(officer);
    assert_eq!(segments(&phone, world.streams.roll_up).len(), 2, "the roll-up hears of the value it comes to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_finished_twice_makes_one_record() {
    let world = World::new().await;
    let (_phone, officer) = world.enrolled("officer", world.officer).await;
    let mut form = officer.start("missing_child").unwrap();
    let answers = samanvay_records::answers::Answers::read(&report("रामकली")).unwrap();
    samanvay_records::answers::fill(&mut form, &answers).unwrap().unwrap();
    let draft = form.draft();
    let [mut one, mut two] = [(); 2].map(|()| officer.resume(&draft).unwrap());
    one.finish().unwrap();
    assert!(matches!(two.finish(), Err(RecordsError::NotFound("draft"))));
    assert!(matches!(form.finish(), Err(RecordsError::NotFound("draft"))));
    assert_eq!(officer.list(&Filter::default()).unwrap().len(), 1);
    assert_eq!(officer.drafts().unwrap(), []);
}
