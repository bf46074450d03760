//! Vectors of text coding, schema, payload and segments.

use samanvay_sync::bytes::hex;
use samanvay_sync::id::{DeviceId, Generation, Hash, OpId, RowId};
use samanvay_sync::log::EpochKeys;
use samanvay_sync::op::{Change, Op, Value as Held, Write};
use samanvay_sync::payload;
use samanvay_sync::schema::{FieldKind, Schema};
use samanvay_sync::segment::{Known, Place, Sealing, Segment, WireForm, check, open as open_segment, seal, unseal};
use serde_json::{Value, json};

use crate::samples::{missing_child, report};
use crate::show;
use crate::world::{GENERATION, OPEN, Phone, SEALED, Seeded, World, note, phone};

/// The author's tag key.
const TAG_KEY: [u8; 32] = [0x7a; 32];
const OLDER: Generation = Generation([0x0d; 8]);
const COLLEAGUE: DeviceId = DeviceId([0xc3; 16]);

pub(crate) fn text() -> Value {
    let texts = ["", "Betul", "कुमारी रानी यादव", "वार्ड 7,\nबैतूल बाज़ार", "१२ साल — FIR №३", "ଓଡ଼ିଆ", "\u{1}\u{7f}"];
    let case = |text: &&str| json!({"text": text, "coded": hex(&payload::text::encode(text))});
    json!({"cases": texts.iter().map(case).collect::<Value>()})
}

pub(crate) fn schema() -> Value {
    let schema = missing_child();
    let kind = |kind: FieldKind| format!("{kind:?}").to_lowercase();
    let fields = schema.fields().iter().map(|field| {
        json!({
            "id": field.id,
            "name": field.name,
            "kind": kind(field.kind),
            "class_mask": field.class.bits(),
            "coarse": field.coarse,
            "calculated": field.calculated,
            "parent": field.parent,
            "choices": field.choices,
        })
    });
    json!({
        "form_id": schema.form_id(),
        "form_version": schema.form_version(),
        "fields": fields.collect::<Value>(),
        "bytes": hex(&schema.encode()),
        "id": schema.id().hex(),
    })
}

/// First four bytes of the MAC by [`TAG_KEY`] (`docs/wire.md` §5).
fn tag(op: &Op) -> [u8; 4] {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &TAG_KEY);
    let mac = ring::hmac::sign(&key, &payload::tag_input(op).unwrap());
    *mac.as_ref().first_chunk().unwrap()
}

/// Three ops by `author` that use every form of change: a report, an edit under an older generation, and a row removed.
fn three_ops(author: DeviceId) -> Vec<Op> {
    let schema: Schema = missing_child();
    let mut created = report(1, 20, &schema);
    created.id = OpId { device: author, generation: GENERATION, ..created.id };
    created.id.tag = tag(&created);
    let row = created.changes.iter().find_map(|change| change.rows.first().copied()).unwrap();
    let first = created.id;
    let theirs = OpId { device: COLLEAGUE, generation: OLDER, counter: 3, tag: [1, 2, 3, 4] };
    let change =
        |field, replaces: &[OpId], write| Change { rows: Vec::new(), field, replaces: replaces.to_vec(), write };
    let in_row = |rows: &[RowId], change: Change| Change { rows: rows.to_vec(), ..change };
    let edit = |id, seconds, creates, changes| {
        let (record, schema) = (created.record, created.schema);
        let mut op = Op { id, record, schema, creates, anchored: false, seconds, routes: Vec::new(), changes };
        op.sort();
        op.id.tag = tag(&op);
        op
    };
    let edited = edit(
        OpId { generation: OLDER, counter: 4_000, ..first },
        created.seconds - 86_400,
        false,
        vec![
            change(2, &[first], Write::Clear),
            change(3, &[first, theirs], Write::Set(Held::Int(-11))),
            change(9, &[], Write::Set(Held::Instant { seconds: -1, offset_minutes: -210 })),
            change(19, &[], Write::Delta { adds: vec![2], removes: vec![(0, vec![first, theirs]), (1, Vec::new())] }),
            change(300, &[], Write::Set(Held::Raw(vec![0, 0xff, 0x80]))),
        ],
    );
    let other_row = RowId([0x44; 8]);
    let removed = edit(
        OpId { counter: 21, ..first },
        created.seconds + 60,
        false,
        vec![
            in_row(&[row], change(40, &[first], Write::Clear)),
            in_row(&[other_row], change(40, &[], Write::Set(Held::Int(1 << 40)))),
            in_row(&[other_row], change(41, &[], Write::Set(Held::Text("बाएँ हाथ पर निशान".to_owned())))),
        ],
    );
    vec![created, edited, removed]
}

pub(crate) fn payload() -> Value {
    let author = phone(12).id;
    let ops = three_ops(author);
    let payload = payload::encode(&ops, author, GENERATION).unwrap();
    let (codec, packed) = payload::pack(&payload);
    let standalone = |op: &Op| hex(&payload::standalone(op, author, GENERATION).unwrap());
    json!({
        "author": author.hex(),
        "generation": GENERATION.hex(),
        "tag_key": hex(&TAG_KEY),
        "payload": hex(&payload),
        "standalone": ops.iter().map(standalone).collect::<Vec<_>>(),
        "codec": codec,
        "packed": hex(&packed),
        "padded": hex(&payload::pad(packed)),
        "ops": show::ops(&ops),
    })
}

/// A segment with everything that a reader computes from it.
fn described(segment: &Segment, keys: &EpochKeys, signer: &Phone) -> Value {
    let opened = unseal(segment, keys).unwrap();
    let header = &segment.header;
    let secret = keys.get(header.epoch).map(|key| hex(&*key.to_bytes()));
    let known = Known { author: Some(header.author), generation: Some(header.generation), prev: Some(header.prev) };
    json!({
        "signer": hex(signer.card.sign()),
        "epoch_private": secret,
        "segment": hex(&segment.encode()),
        "hash": segment.hash().hex(),
        "header": {
            "suite": header.suite,
            "stream": header.stream.hex(),
            "author": header.author.hex(),
            "generation": header.generation.hex(),
            "first": header.first,
            "count": header.count,
            "epoch": header.epoch,
            "position": header.position,
            "codec": header.codec,
            "dictionary": header.dictionary,
            "prev": header.prev.hex(),
        },
        "header_bytes": hex(&header.encode()),
        "root": segment.root.hex(),
        "salts": opened.salts.iter().map(|salt| hex(salt)).collect::<Vec<_>>(),
        "leaves": opened.leaves.iter().map(Hash::hex).collect::<Vec<_>>(),
        "ops": show::ops(&opened.ops),
        "wire_all": hex(&segment.to_wire(&Known::default()).unwrap()),
        "wire_least": hex(&segment.to_wire(&known).unwrap()),
    })
}

fn keys(world: &World) -> EpochKeys {
    world.log.epoch_keys(&world.in_charge.keys.boxk, &world.in_charge.id)
}

pub(crate) fn sealed() -> Value {
    let mut world = World::new();
    world.random = Seeded(101, 0);
    let beat = phone(12);
    let segment = world.segment(&beat);
    check(&segment, &world.log).unwrap();
    described(&segment, &keys(&world), &beat)
}

pub(crate) fn open() -> Value {
    let mut world = World::new();
    let beat = phone(12);
    let place = Place { stream: OPEN, position: world.open.len(), ..world.place(beat.id) };
    let ops = [note(beat.id, 6, "सत्र 1")];
    let segment = seal(&ops, &place, &Sealing::Open, &beat.keys.sign, &mut world.random).unwrap();
    check(&segment, &world.open).unwrap();
    described(&segment, &EpochKeys::new(), &beat)
}

/// Three frames of one op and the segment that they were cut into, later in the chain and in the second epoch.
pub(crate) fn cut() -> Value {
    let mut world = World::new();
    world.epoch();
    world.random = Seeded(102, 0);
    let beat = phone(12);
    let (prev, sealing) = (Hash([0xee; 32]), world.sealing());
    let place = Place { first: 300, prev, ..world.place(beat.id) };
    let ops = three_ops(beat.id);
    let mut frames = Vec::new();
    let mut at = place;
    for op in &ops {
        let frame = seal(std::slice::from_ref(op), &at, &sealing, &beat.keys.sign, &mut world.random).unwrap();
        at = Place { first: frame.header.next(), prev: frame.hash(), ..at };
        frames.push(hex(&frame.encode()));
    }
    let segment = seal(&ops, &place, &sealing, &beat.keys.sign, &mut world.random).unwrap();
    check(&segment, &world.log).unwrap();
    let mut described = described(&segment, &keys(&world), &beat);
    described["frames"] = json!(frames);
    described
}

/// Reads a stored segment back with nothing but the file and checks what it says.
pub(crate) fn read(stored: &Value) {
    let segment = Segment::decode(&show::bytes(&stored["segment"])).unwrap();
    let mut keys = EpochKeys::new();
    if let Some(private) = stored["epoch_private"].as_str() {
        let private = samanvay_sync::bytes::unhex(private).unwrap().try_into().unwrap();
        keys.insert(segment.header.epoch, samanvay_sync::keys::BoxKey::from_bytes(&private).unwrap());
    }
    assert_eq!(show::ops(&open_segment(&segment, &keys).unwrap()), stored["ops"]);
    assert_eq!(segment.hash().hex(), stored["hash"].as_str().unwrap());
    let stream = segment.header.stream;
    let form = WireForm::decode(&show::bytes(&stored["wire_all"])).unwrap();
    assert_eq!(form.complete(stream, &Known::default()).unwrap(), segment);
    assert!(stream == SEALED || stream == OPEN);
}
