//! Prints what a segment costs: time to seal and sign, to check and open, and bytes beside the payload.
//!
//! `cargo run --release -p samanvay-sync --example figures`

use std::io::Write as _;
use std::time::Instant;

use samanvay_sync::id::{DeviceId, Generation, Hash, OpId, PostId, RecordId, SchemaId, StreamId, UnitId};
use samanvay_sync::keys::{AdminCard, BoxKey, DeviceKeys, SignKey, SystemRandom, TransportKey};
use samanvay_sync::log::{Body, PostRole, Purpose, Rights, StreamLog, UnitKind, UnitLog};
use samanvay_sync::op::{Change, Op, Value, Write};
use samanvay_sync::payload;
use samanvay_sync::schema::Clearance;
use samanvay_sync::segment::{Known, Place, Sealing, check, open, seal};
use std::collections::BTreeMap;

const ROUNDS: u32 = 2_000;
const GENERATION: Generation = Generation([7; 8]);

/// A session report of twelve fields.
fn op(device: DeviceId, counter: u64) -> Op {
    let text = |field, text: &str| (field, Value::Text(text.to_owned()));
    let values = [
        text(1, "शासकीय कन्या हाई स्कूल, मुलताई"),
        (2, Value::Int(20_780)),
        (3, Value::Int(47)),
        (4, Value::Int(39)),
        (5, Value::Int(2)),
        text(6, "गुड टच बैड टच, 1098 की जानकारी, प्रश्नोत्तर"),
        (7, Value::Int(1)),
        (8, Value::Int(0)),
        text(9, "प्राचार्य ने अगले माह फिर बुलाया"),
        (10, Value::Int(3)),
        (11, Value::Int(1)),
        (12, Value::Int(90)),
    ];
    let change = |(field, value)| Change { rows: Vec::new(), field, replaces: Vec::new(), write: Write::Set(value) };
    Op {
        id: OpId { device, generation: GENERATION, counter, tag: [1, 2, 3, 4] },
        record: RecordId([9; 16]),
        schema: SchemaId([8; 8]),
        creates: true,
        anchored: true,
        seconds: 1_795_400_000,
        routes: Vec::new(),
        changes: values.into_iter().map(change).collect(),
    }
}

/// A stream with one member, who reads and writes, and its first epoch.
fn stream(keys: &DeviceKeys, random: &mut SystemRandom) -> samanvay_sync::Result<StreamLog> {
    let (authority, admin) = (SignKey::generate(random)?.0, SignKey::generate(random)?.0);
    let card = AdminCard::issue(&authority, admin.public(), 404, "ज़िला समन्वयक");
    let (unit, post) = (UnitId([5; 16]), PostId([6; 16]));
    let mut units = BTreeMap::from([(unit, UnitLog::new(unit, authority.public()))]);
    if let Some(log) = units.get_mut(&unit) {
        let phone = keys.card(TransportKey { public: [3; 32] });
        for body in [
            Body::unit_genesis(&card, 404, UnitKind::PoliceStation, "महिला थाना"),
            Body::post(post, PostRole::InCharge, "प्रभारी"),
            Body::Bind { post, card: phone },
        ] {
            log.append(&log.draft(0, body, &[&admin])?)?;
        }
    }
    let mut log = StreamLog::new(StreamId([4; 16]), authority.public());
    let recovery = BoxKey::generate(random)?.public();
    let mut bodies = vec![Body::stream_genesis(&card, 404, Purpose::Unit, Clearance::ALL, "काम", recovery)];
    bodies.extend(units.get(&unit).map(Body::unit_at));
    bodies.push(Body::Member { unit, post, rights: Rights::BOTH });
    for body in bodies {
        log.append(&log.draft(0, body, &[&admin])?, &units)?;
    }
    let (body, _) = log.new_epoch(None, random)?;
    log.append(&log.draft(0, body, &[&admin])?, &units)?;
    Ok(log)
}

/// Milliseconds for one run of `work`.
fn time(mut work: impl FnMut() -> samanvay_sync::Result<()>) -> samanvay_sync::Result<f64> {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        work()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1000.0 / f64::from(ROUNDS))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let random = &mut SystemRandom::new();
    let keys = DeviceKeys { sign: SignKey::generate(random)?.0, boxk: BoxKey::generate(random)? };
    let log = stream(&keys, random)?;
    let sealing = Sealing::now(&log).ok_or("no epoch")?;
    let (stream, author, position) = (log.id(), keys.device_id(), log.len());
    let place = Place { stream, author, generation: GENERATION, first: 0, prev: Hash::default(), position };
    let one = [op(author, 40)];
    let segment = seal(&one, &place, &sealing, &keys.sign, random)?;
    let epochs = log.epoch_keys(&keys.boxk, &author);

    let sealed_in = time(|| seal(&one, &place, &sealing, &keys.sign, random).map(drop))?;
    let packed_in = time(|| payload::encode(&one, author, GENERATION).map(|payload| drop(payload::pack(&payload))))?;
    let checked_in = time(|| check(&segment, &log).map(drop))?;
    let opened_in = time(|| open(&segment, &epochs).map(drop))?;

    let known = Known { author: Some(author), generation: Some(GENERATION), prev: Some(Hash::default()) };
    let wire = segment.to_wire(&known)?.len();
    let payload = payload::encode(&one, author, GENERATION)?;
    let (_, packed) = payload::pack(&payload);
    let padded = payload::pad(packed.clone()).len();
    let mut out = std::io::stdout().lock();
    writeln!(out, "seal and sign one op       {sealed_in:.3} ms (of that encode and pack {packed_in:.3} ms)")?;
    writeln!(out, "check                      {checked_in:.3} ms")?;
    writeln!(out, "open                       {opened_in:.3} ms")?;
    writeln!(out, "payload                    {} bytes, packed {}, padded {padded}", payload.len(), packed.len())?;
    writeln!(out, "one-op segment, wire form  {wire} bytes, {} beside the padded payload", wire - padded)?;
    writeln!(out, "one-op segment, canonical  {} bytes", segment.encode().len())?;
    Ok(())
}
