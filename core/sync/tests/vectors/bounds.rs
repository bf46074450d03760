//! Vectors at the edge of what a decoder takes: bytes by hand, each sound or breaking one rule of `docs/wire.md`.

use samanvay_sync::bytes::{Writer, hex};
use samanvay_sync::payload::{decode, unpad};
use samanvay_sync::schema::Schema;
use samanvay_sync::{Result, SyncError};
use serde_json::{Value, json};

use crate::samples::{AUTHOR, GENERATION, OLDER, OTHER};
use crate::show;

const SOUND: &str = "sound";
const MALFORMED: &str = "malformed";
const UPDATE: &str = "update";
const OVER: u64 = 1 << 63;

fn verdict<T>(read: &Result<T>) -> &'static str {
    match read {
        Ok(_) => SOUND,
        Err(SyncError::Newer) => UPDATE,
        Err(_) => MALFORMED,
    }
}

fn bytes(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::new();
    write(&mut out);
    out.finish()
}

/// A payload of one op; what is not given is the plainest.
struct Parts {
    origins: Vec<Vec<u8>>,
    schemas: Vec<[u8; 8]>,
    flags: u8,
    origin: Vec<u8>,
    counter: Vec<u8>,
    routes: Vec<u8>,
    groups: Vec<u8>,
}

impl Parts {
    fn payload(&self) -> Vec<u8> {
        let op = bytes(|out| {
            out.u8(self.flags | 2).raw(&self.origin).raw(&self.counter).raw([7; 4]).raw([0x5c; 16]).varint(0).zigzag(0);
            out.raw(&self.routes).raw(&self.groups);
        });
        bytes(|out| {
            out.count(self.origins.len()).raw(self.origins.concat());
            out.count(self.schemas.len()).raw(self.schemas.concat()).bytes(op);
        })
    }
}

fn plain() -> Parts {
    Parts {
        origins: Vec::new(),
        schemas: vec![[0x77; 8]],
        flags: 0,
        origin: Vec::new(),
        counter: vec![0],
        routes: Vec::new(),
        groups: one(5, 1, &[2]),
    }
}

/// One group of one change at the top: an integer that replaces nothing, or any other form.
fn one(field: u64, form: u64, rest: &[u8]) -> Vec<u8> {
    let replaced: &[u8] = if form == 4 { &[] } else { &[0] };
    bytes(|out| {
        out.count(1).count(0).count(1).varint((field << 3) + form).raw(replaced).raw(rest);
    })
}

/// An integer that replaces the write of that counter.
fn replacing(counter: u64) -> Vec<u8> {
    bytes(|out| {
        out.count(1).count(0).count(1).varint((5 << 3) + 1).count(1).varint(0).varint(counter).raw([7; 4]).zigzag(1);
    })
}

/// A removal from a set that has seen the add of that counter.
fn removing(counter: u64) -> Vec<u8> {
    one(
        5,
        4,
        &bytes(|out| {
            out.count(0).count(1).varint(1).count(1).varint(0).varint(counter).raw([7; 4]);
        }),
    )
}

fn payloads() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let older = [&AUTHOR.0[..], &OLDER.0].concat();
    let own = [&AUTHOR.0[..], &GENERATION.0].concat();
    let theirs = [&OTHER.0[..], &OLDER.0].concat();
    let of = |what, verdict, parts: Parts| (what, verdict, parts.payload());
    let under = |number: u8, origins: &[&Vec<u8>]| Parts {
        flags: 4,
        origin: vec![number],
        origins: origins.iter().map(|origin| (*origin).clone()).collect(),
        ..plain()
    };
    let counter = |n: i64| {
        bytes(|out| {
            out.zigzag(n);
        })
    };
    let groups = |groups: Vec<u8>| Parts { groups, ..plain() };
    let route = |n: u8, role: u8| {
        let routes = if n == 0 { vec![0] } else { [&[n][..], &[0x11; 16], &[role]].concat() };
        Parts { flags: 16, routes, ..plain() }
    };
    vec![
        of("a plain op", SOUND, plain()),
        of("an op under an older generation", SOUND, under(1, &[&older])),
        of("an origin that no op names", SOUND, Parts { origins: vec![theirs.clone()], ..plain() }),
        of("an origin listed twice", MALFORMED, under(1, &[&older, &older])),
        of("the header's origin listed again", MALFORMED, under(1, &[&older, &own])),
        of("origin 0 named by bit 2", MALFORMED, under(0, &[&older])),
        of("an op of another device", MALFORMED, under(1, &[&theirs])),
        of("an origin that is not listed", MALFORMED, under(2, &[&older])),
        of("a schema listed twice", MALFORMED, Parts { schemas: vec![[0x77; 8]; 2], ..plain() }),
        of("a schema that no op names", SOUND, Parts { schemas: vec![[0x77; 8], [0x78; 8]], ..plain() }),
        of("no schema", MALFORMED, Parts { schemas: Vec::new(), ..plain() }),
        of("the highest counter", SOUND, Parts { counter: counter(i64::MAX), ..plain() }),
        of("a counter below 0", MALFORMED, Parts { counter: counter(-1), ..plain() }),
        of("a reference to the highest counter", SOUND, groups(replacing(OVER - 1))),
        of("a reference to a counter of 2^63", MALFORMED, groups(replacing(OVER))),
        of("a removal that saw the highest counter", SOUND, groups(removing(OVER - 1))),
        of("a removal that saw a counter of 2^63", MALFORMED, groups(removing(OVER))),
        of("a route", SOUND, route(1, 2)),
        of("routes without a route", MALFORMED, route(0, 0)),
        of("a role of a later version", UPDATE, route(1, 3)),
        of("a flag of a later version", UPDATE, Parts { flags: 32, ..plain() }),
        of("a form of a later version", UPDATE, groups(one(5, 6, &[2]))),
        of("field 0", MALFORMED, groups(one(0, 1, &[2]))),
        of("the highest field", SOUND, groups(one(u32::MAX.into(), 1, &[2]))),
        of("field 2^32", MALFORMED, groups(one(1 << 32, 1, &[2]))),
    ]
}

/// A schema of these fields: id, name, kind, class mask, flags, parent, choices.
type FieldParts<'a> = (u64, &'a str, u8, u8, u8, u64, &'a [&'a str]);

fn schema(fields: &[FieldParts<'_>]) -> Vec<u8> {
    bytes(|out| {
        out.u8(1).text("गुमशुदा").text("1").count(fields.len());
        for (id, name, kind, mask, flags, parent, choices) in fields {
            out.varint(*id).text(name).u8(*kind).u8(*mask).u8(*flags).varint(*parent).count(choices.len());
            for choice in *choices {
                out.text(choice);
            }
        }
    })
}

/// Repeats in each other, and a field in the innermost.
fn nested(repeats: u64, with_field: bool) -> Vec<u8> {
    let mut fields: Vec<FieldParts<'_>> = (1..=repeats).map(|n| (n, "घटना", 10, 24, 0, n - 1, &[][..])).collect();
    if with_field {
        fields.push((repeats + 1, "नाम", 1, 8, 0, repeats, &[]));
    }
    schema(&fields)
}

fn schemas() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let with = |kind, mask, flags, choices: &[&str]| schema(&[(1, "लिंग", kind, mask, flags, 0, choices)]);
    let row = |id, parent| -> FieldParts<'_> { (id, "टिप्पणी", 1, 2, 0, parent, &[]) };
    let repeat = |id, parent| -> FieldParts<'_> { (id, "निशान", 10, 24, 0, parent, &[]) };
    vec![
        ("a choice with a list", SOUND, with(4, 8, 1, &["F", "M"])),
        ("choices on a text", MALFORMED, with(1, 8, 0, &["F"])),
        ("a choice twice in a list", MALFORMED, with(5, 8, 0, &["F", "F"])),
        ("a mix of classes", MALFORMED, with(1, 3, 0, &[])),
        ("a class of a later version", UPDATE, with(1, 32, 0, &[])),
        ("a flag of a later version", UPDATE, with(1, 8, 4, &[])),
        ("a kind of a later version", UPDATE, with(11, 8, 0, &[])),
        ("field 0", MALFORMED, schema(&[row(0, 0)])),
        ("the highest field", SOUND, schema(&[row(u32::MAX.into(), 0)])),
        ("field 2^32", MALFORMED, schema(&[row(1 << 32, 0)])),
        ("fields out of order", MALFORMED, schema(&[(2, "क", 1, 2, 0, 0, &[]), (1, "ख", 1, 2, 0, 0, &[])])),
        ("one name below two parents", SOUND, schema(&[row(1, 0), row(2, 3), repeat(3, 0)])),
        ("one name twice at the top", MALFORMED, schema(&[row(1, 0), row(2, 0)])),
        ("one name twice in a repeat", MALFORMED, schema(&[row(1, 3), row(2, 3), repeat(3, 0)])),
        ("a parent that is not there", MALFORMED, schema(&[row(1, 3)])),
        ("a parent that is no repeat", MALFORMED, schema(&[(1, "क", 1, 2, 0, 0, &[]), row(2, 1)])),
        ("a repeat in itself", MALFORMED, schema(&[repeat(1, 1)])),
        ("two repeats in each other", MALFORMED, schema(&[repeat(1, 2), repeat(2, 1)])),
        ("a field in eight repeats", SOUND, nested(8, true)),
        ("nine repeats in each other", MALFORMED, nested(9, false)),
    ]
}

fn padded() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let with = |content: usize, zeros: usize| [vec![7; content], vec![0x80], vec![0; zeros]].concat();
    vec![
        ("nothing but the mark", SOUND, with(0, 0)),
        ("a length that needs none", SOUND, with(127, 0)),
        ("padded to the next length", SOUND, with(128, 15)),
        ("a zero too few", MALFORMED, with(128, 14)),
        ("a zero too many", MALFORMED, with(128, 16)),
        ("padded to the length after the next", MALFORMED, with(128, 31)),
        ("padded though it needs none", MALFORMED, with(127, 1)),
        ("no mark", MALFORMED, vec![7; 128]),
        ("nothing", MALFORMED, Vec::new()),
    ]
}

pub(crate) fn bounds() -> Value {
    let shown = |cases: Vec<(&str, &str, Vec<u8>)>| -> Value {
        cases
            .iter()
            .map(|(what, verdict, bytes)| json!({"what": what, "verdict": verdict, "bytes": hex(bytes)}))
            .collect()
    };
    json!({
        "author": AUTHOR.hex(),
        "generation": GENERATION.hex(),
        "payloads": shown(payloads()),
        "schemas": shown(schemas()),
        "padded": shown(padded()),
    })
}

/// Reads every stored case and compares what becomes of it.
pub(crate) fn read(stored: &Value) {
    let each = |list: &str, read: &dyn Fn(&[u8]) -> &'static str| {
        for case in stored[list].as_array().unwrap() {
            assert_eq!(read(&show::bytes(&case["bytes"])), case["verdict"].as_str().unwrap(), "{}", case["what"]);
        }
    };
    each("payloads", &|bytes| verdict(&decode(bytes, AUTHOR, GENERATION, 1)));
    each("schemas", &|bytes| verdict(&Schema::decode(bytes)));
    each("padded", &|bytes| verdict(&unpad(bytes)));
}
