//! The vectors in `tests/wire/vectors/` are what this version writes, and this version reads them.
//!
//! The independent decoder in `tests/wire/` reads the same files. A difference is either a mistake or a change of the
//! format; a change of the format needs a new version byte. To write the files anew (a new zstd may pack differently):
//! `SAMANVAY_WRITE_VECTORS=1 cargo test --release -p samanvay-sync --test vectors`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../samples/mod.rs"]
mod samples;
#[path = "../world/mod.rs"]
mod world;

mod bounds;
mod judged;
mod logs;
mod merges;
mod messages;
mod segments;
mod show;

use std::path::PathBuf;

use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire/vectors")
}

/// Compares `made` with the file of that name, or writes it.
fn compare(name: &str, made: &Value) -> Value {
    let path = folder().join(name).with_extension("json");
    let text = serde_json::to_string_pretty(made).unwrap() + "\n";
    if std::env::var_os("SAMANVAY_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert!(stored == text, "{name}.json is not what this version writes");
    serde_json::from_str(&stored).unwrap()
}

#[test]
fn text_vectors_stand() {
    let stored = compare("text", &segments::text());
    for case in stored["cases"].as_array().unwrap() {
        let coded = show::bytes(&case["coded"]);
        assert_eq!(samanvay_sync::payload::text::decode(&coded).unwrap(), case["text"].as_str().unwrap());
    }
}

#[test]
fn schema_vectors_stand() {
    let stored = compare("schema", &segments::schema());
    let schema = samanvay_sync::schema::Schema::decode(&show::bytes(&stored["bytes"])).unwrap();
    assert_eq!(schema.id().hex(), stored["id"].as_str().unwrap());
}

#[test]
fn payload_vectors_stand() {
    let stored = compare("payload", &segments::payload());
    let ops = samanvay_sync::payload::decode(
        &show::bytes(&stored["payload"]),
        show::id16(&stored["author"]),
        samanvay_sync::id::Generation::from_hex(stored["generation"].as_str().unwrap()).unwrap(),
        stored["ops"].as_array().unwrap().len(),
    );
    assert_eq!(show::ops(&ops.unwrap()), stored["ops"]);
}

#[test]
fn segment_vectors_stand() {
    for (name, made) in
        [("segment-sealed", segments::sealed()), ("segment-open", segments::open()), ("segment-cut", segments::cut())]
    {
        let stored = compare(name, &made);
        segments::read(&stored);
    }
}

#[test]
fn log_vectors_stand() {
    let stored = compare("logs", &logs::logs());
    logs::read(&stored);
    judged::read(&compare("judged", &judged::judged()), &stored);
}

#[test]
fn bounds_vectors_stand() {
    bounds::read(&compare("bounds", &bounds::bounds()));
}

#[test]
fn merge_vectors_stand() {
    merges::read(&compare("merge", &merges::merges()));
}

#[test]
fn message_vectors_stand() {
    compare("sync", &messages::sync());
    compare("admin", &messages::admin());
    compare("invite", &messages::invite());
    messages::read_refusals(&compare("refusals", &messages::refusals()));
}
