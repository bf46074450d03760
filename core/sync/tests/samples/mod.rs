//! Invented records for tests: a missing-child form with 25 fields, its ops, and random ops for properties.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc)]

use proptest::prelude::*;
use samanvay_sync::id::{DeviceId, Generation, OpId, RecordId, RowId, SchemaId, StreamId};
use samanvay_sync::op::{Change, Op, Role, Route, Value, Write};
use samanvay_sync::schema::{ClassMask, Field, FieldKind, Schema};

pub(crate) const AUTHOR: DeviceId = DeviceId([0xa1; 16]);
pub(crate) const OTHER: DeviceId = DeviceId([0xb2; 16]);
pub(crate) const GENERATION: Generation = Generation([0x0e; 8]);
pub(crate) const OLDER: Generation = Generation([0x0d; 8]);
pub(crate) const RECORD: RecordId = RecordId([0x5c; 16]);
pub(crate) const SCHEMA: SchemaId = SchemaId([0x77; 8]);

/// A small seeded source of numbers (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| u8::try_from(self.roll(256)).unwrap())
    }

    pub(crate) fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[usize::try_from(self.roll(list.len() as u64)).unwrap()]
    }
}

pub(crate) fn id(device: DeviceId, counter: u64) -> OpId {
    let [.., a, b, c, d] = counter.wrapping_mul(0x9e37_79b1).to_be_bytes();
    OpId { device, generation: GENERATION, counter, tag: [a, b, c, d] }
}

pub(crate) fn set(field: u32, value: Value) -> Change {
    Change { rows: Vec::new(), field, replaces: Vec::new(), write: Write::Set(value) }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// An op on [`RECORD`] with these changes, in canonical order.
pub(crate) fn op(id: OpId, seconds: i64, changes: Vec<Change>) -> Op {
    let mut op =
        Op { id, record: RECORD, schema: SCHEMA, creates: false, anchored: true, seconds, routes: Vec::new(), changes };
    op.sort();
    op
}

pub(crate) fn field(id: u32, name: &str, kind: FieldKind, class: ClassMask) -> Field {
    Field { id, name: name.to_owned(), kind, class, coarse: false, calculated: false, parent: 0, choices: Vec::new() }
}

/// The schema of the missing-child form: 25 fields and a repeat.
pub(crate) fn missing_child() -> Schema {
    use FieldKind::{Bool, Choice, Choices, Date, Instant, Int, Repeat, Text};
    const V: ClassMask = ClassMask::V;
    const B: ClassMask = ClassMask::B;
    let listed = |mut field: Field, list: &[&str]| {
        field.choices = list.iter().map(|&choice| choice.to_owned()).collect();
        field
    };
    let coarse = |mut field: Field| {
        (field.coarse, field.calculated) = (true, true);
        field
    };
    let below = |mut field: Field| {
        field.parent = 40;
        field
    };
    let fields = vec![
        field(1, "name", Text, V),
        field(2, "pet_name", Text, V),
        field(3, "age_years", Int, V),
        listed(field(4, "gender", Choice, V), &["F", "M", "T", "U"]),
        field(5, "father", Text, V),
        field(6, "mother", Text, V),
        field(7, "village", Text, V),
        field(8, "address", Text, V),
        field(9, "last_seen_at", Instant, V),
        field(10, "last_seen_place", Text, V),
        field(11, "reported_at", Instant, ClassMask::C),
        field(12, "reporter", Text, ClassMask::C),
        listed(field(13, "relation", Choice, ClassMask::C), &["father", "mother", "uncle", "teacher", "other"]),
        field(14, "phone", Text, ClassMask::C),
        field(15, "height_cm", Int, V),
        listed(field(16, "build", Choice, V), &["thin", "medium", "heavy"]),
        listed(field(17, "complexion", Choice, V), &["fair", "wheatish", "dark"]),
        field(18, "clothes", Text, V),
        listed(field(19, "languages", Choices, V), &["hindi", "bundeli", "malvi", "nimadi", "gondi", "bhili"]),
        listed(field(20, "circumstances", Choice, V), &["strayed", "scolded", "suspected", "known_person", "fair"]),
        listed(field(21, "risk", Choices, ClassMask::M), &["under_12", "girl", "disability", "medication", "earlier"]),
        field(22, "gd_number", Int, B),
        field(23, "fir_date", Date, B),
        field(24, "photo_held", Bool, B),
        field(40, "marks", Repeat, ClassMask::UNSET),
        below(field(41, "mark", Text, V)),
        below(listed(field(42, "mark_kind", Choice, ClassMask::A), &["mole", "scar", "tattoo", "birthmark"])),
        coarse(listed(field(50, "sex", Choice, B), &["F", "M", "T", "U"])),
    ];
    Schema::new("missing_child", "2026112101", fields).unwrap()
}

const GIRLS: &[&str] = &["कुमारी रानी", "सरिता", "पूजा", "अंजलि", "मुस्कान", "खुशी", "राधा", "नेहा", "काजल", "शिवानी"];
const PETS: &[&str] = &["गुड़िया", "छोटी", "मुन्नी", "बिट्टू", "लाली", "पिंकी", "सोना"];
const MEN: &[&str] = &["रामप्रसाद", "सुरेश", "मोहनलाल", "दिनेश", "कैलाश", "भगवानदास", "राजेश", "संतोष", "हरिराम"];
const WOMEN: &[&str] = &["सुनीता बाई", "कमला बाई", "गीता", "ममता", "रेखा", "शांति बाई", "उर्मिला", "सावित्री"];
const SURNAMES: &[&str] = &["यादव", "विश्वकर्मा", "उइके", "धुर्वे", "पटेल", "अहिरवार", "मालवीय", "चौहान", "पवार", "सोनी"];
const VILLAGES: &[&str] = &["बैतूल बाज़ार", "मुलताई", "आमला", "शाहपुर", "भैंसदेही", "चिचोली", "आठनेर", "घोड़ाडोंगरी"];
const PLACES: &[&str] = &["बस स्टैंड के पास", "साप्ताहिक हाट", "रेलवे स्टेशन", "स्कूल के गेट पर", "मेले में", "खेत से लौटते हुए"];
const COLOURS: &[&str] = &["लाल", "नीली", "हरी", "पीली", "सफ़ेद", "गुलाबी", "काली"];
const CLOTHES: &[&str] = &["फ्रॉक", "सलवार कमीज़", "स्कूल ड्रेस", "टी-शर्ट और जींस", "साड़ी"];

/// The op that creates an invented report; every seed gives another.
pub(crate) fn report(seed: u64, counter: u64, schema: &Schema) -> Op {
    let mut dice = Dice::new(seed + 1);
    let d = &mut dice;
    let now = 1_794_800_000 + i64::try_from(counter * 1700 + d.roll(1500)).unwrap();
    let surname = d.of(SURNAMES);
    let village = d.of(VILLAGES);
    let small = |d: &mut Dice, least: u64, sides: u64| Value::Int(i64::try_from(least + d.roll(sides)).unwrap());
    let instant = |seconds: i64| Value::Instant { seconds, offset_minutes: 330 };
    let members = |field: u32, adds: Vec<u64>| Change {
        write: Write::Delta { adds, removes: Vec::new() },
        ..set(field, Value::Int(0))
    };
    let row = vec![RowId(d.bytes())];
    let in_row = |change: Change| Change { rows: row.clone(), ..change };
    let hours_missing = 3600 * i64::try_from(2 + d.roll(30)).unwrap();
    let changes = vec![
        set(1, text(&format!("{} {surname}", d.of(GIRLS)))),
        set(2, text(d.of(PETS))),
        set(3, small(d, 6, 11)),
        set(4, Value::Int(0)),
        set(5, text(&format!("{} {surname}", d.of(MEN)))),
        set(6, text(&format!("{} {surname}", d.of(WOMEN)))),
        set(7, text(village)),
        set(8, text(&format!("वार्ड {}, {village}", 1 + d.roll(15)))),
        set(9, instant(now - hours_missing)),
        set(10, text(&format!("{village}, {}", d.of(PLACES)))),
        set(11, instant(now - 600)),
        set(12, text(&format!("{} {surname}", d.of(MEN)))),
        set(13, small(d, 0, 5)),
        set(14, text(&format!("9{:09}", d.roll(1_000_000_000)))),
        set(15, small(d, 100, 60)),
        set(16, small(d, 0, 3)),
        set(17, small(d, 0, 3)),
        set(18, text(&format!("{} {}", d.of(COLOURS), d.of(CLOTHES)))),
        members(19, vec![0, 1 + d.roll(5)]),
        set(20, small(d, 0, 5)),
        members(21, vec![1, 2 + d.roll(3)]),
        set(22, small(d, 1, 60)),
        set(23, Value::Int(now / 86_400)),
        set(24, small(d, 0, 2)),
        in_row(set(40, Value::Int(0))),
        in_row(set(41, text("दाहिने गाल पर तिल"))),
        in_row(set(42, Value::Int(0))),
        set(50, Value::Int(0)),
    ];
    let routes = [(0x11, Role::Home), (0x22, Role::Projection), (0x33, Role::Alias)];
    let mut op = op(OpId { tag: d.bytes(), ..id(AUTHOR, counter) }, now, changes);
    op.record = RecordId(d.bytes());
    op.schema = schema.id();
    op.creates = true;
    op.routes = routes.map(|(byte, role)| Route { stream: StreamId([byte; 16]), role }).to_vec();
    op
}

/// Any op id out of a small pool, so that references meet ops.
pub(crate) fn any_id() -> impl Strategy<Value = OpId> {
    (prop_oneof![Just(AUTHOR), Just(OTHER)], prop_oneof![Just(GENERATION), Just(OLDER)], 0u64..6, 0u8..2)
        .prop_map(|(device, generation, counter, tag)| OpId { device, generation, counter, tag: [tag; 4] })
}

pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-3i64..4).prop_map(Value::Int),
        1 => any::<i64>().prop_map(Value::Int),
        2 => "[ -~\n]{0,8}[\u{900}-\u{97f}]{0,8}".prop_map(Value::Text),
        1 => any::<String>().prop_map(Value::Text),
        1 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Value::Raw),
        1 => any::<(i64, i64)>().prop_map(|(seconds, offset_minutes)| Value::Instant { seconds, offset_minutes }),
    ]
}

fn any_write() -> impl Strategy<Value = Write> {
    let ids = || prop::collection::vec(any_id(), 0..3);
    prop_oneof![
        1 => Just(Write::Clear),
        4 => any_value().prop_map(Write::Set),
        2 => (prop::collection::vec(0u64..5, 0..4), prop::collection::vec((0u64..5, ids()), 0..3))
            .prop_map(|(adds, removes)| Write::Delta { adds, removes }),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    let rows = prop::collection::vec((1u8..4).prop_map(|n| RowId([n; 8])), 0..3);
    let field = prop_oneof![8 => 1u32..7, 1 => 1..=u32::MAX];
    (rows, field, prop::collection::vec(any_id(), 0..3), any_write()).prop_map(|(rows, field, mut replaces, write)| {
        if matches!(write, Write::Delta { .. }) {
            replaces.clear();
        }
        Change { rows, field, replaces, write }
    })
}

/// Any op on [`RECORD`] that passes its check.
pub(crate) fn any_op() -> impl Strategy<Value = Op> {
    let changes = prop::collection::vec(any_change(), 0..6);
    let route = (0u8..4, 0usize..3).prop_map(|(byte, role)| Route {
        stream: StreamId([byte; 16]),
        role: [Role::Home, Role::Projection, Role::Alias][role],
    });
    let routes = prop::collection::vec(route, 0..3);
    (any_id(), any::<[bool; 2]>(), 0i64..9, routes, changes).prop_map(
        |(id, [creates, anchored], seconds, routes, changes)| {
            let mut op = Op { creates, anchored, routes, ..op(id, seconds, changes) };
            op.changes.dedup_by(|b, a| (&a.rows, a.field) == (&b.rows, b.field));
            if creates {
                op.changes.iter_mut().for_each(|change| change.replaces.clear());
            }
            op
        },
    )
}
