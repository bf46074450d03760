//! The program as a person uses it: real files, a real hub over TLS, exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that fails here has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use chrono::{Duration, FixedOffset, Utc};
use samanvay_hub::{Config, Hub, Running};
use samanvay_sync::bytes::unhex;
use serde_json::{Value, json};

const PASSPHRASE: &str = "सात नीले मोर और नदी";
const PIN: &str = "482957";

/// A folder with everything in it, and ways to call the program there.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn call(&self, home: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_samanvay"))
            .current_dir(self.folder.path())
            .args(["--home", home, "--json"])
            .args(arguments)
            .env("SAMANVAY_PIN", PIN)
            .env("SAMANVAY_PASSPHRASE", PASSPHRASE)
            .env("LC_ALL", "en_IN.UTF-8")
            .output()
            .unwrap()
    }

    /// Calls and expects success; gives the JSON.
    fn done(&self, home: &str, arguments: &[&str]) -> Value {
        let output = self.call(home, arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, home: &str, arguments: &[&str], code: i32) -> String {
        let output = self.call(home, arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        errors
    }

    fn text(&self, home: &str, arguments: &[&str], key: &str) -> String {
        self.done(home, arguments)[key].as_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, json: &Value) {
        fs::write(self.path(name), json.to_string()).unwrap();
    }
}

/// Drops the hub's log lines.
struct Quiet;

impl samanvay_hub::log::LogSink for Quiet {
    fn line(&self, _json: &str) {}
}

fn hub(folder: &Path, authority: &str, schemas: &Path) -> (tokio::runtime::Runtime, Running) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut config = Config::new(folder);
    config.authority = Some(unhex(authority).unwrap().try_into().unwrap());
    config.schemas = Some(schemas.to_owned());
    config.log = Arc::new(Quiet);
    let running = runtime.block_on(Hub::start(config)).unwrap();
    (runtime, running)
}

fn hours_ago(hours: i64) -> String {
    let india = FixedOffset::east_opt(19_800).unwrap();
    (Utc::now() - Duration::hours(hours)).with_timezone(&india).format("%Y-%m-%dT%H:00:00+05:30").to_string()
}

fn session() -> Value {
    json!({
        "campaign": "srijan", "topics": ["gtbt", "helplines"], "methods": ["talk"], "language": "hi",
        "helplines_told": ["112", "1098"], "venue_type": "school", "district": "394",
        "place_text": "शासकीय कन्या शाला, मुलताई", "start": hours_ago(30), "end": hours_ago(28), "mode": "tally",
        "tally_10_13_f": "४१", "tally_14_17_f": 12, "lead": "रेखा धुर्वे", "co_facilitators": "सुशीला उइके",
        "facilitator_count": 2, "women_facilitators": 2, "verifier": "principal", "verifier_post": "प्रधानाचार्य",
    })
}

/// Authority, admin, one NGO with a post and two streams, and the hub's public file.
fn district(desk: &Desk) -> (String, String) {
    let authority = desk.done("h", &["admin", "authority", "new", "--file", "authority.key"]);
    let public = authority["authority"].as_str().unwrap();
    let recovery = authority["recovery"].as_str().unwrap();
    let new = ["admin", "key", "new", "--file", "betul.key", "--authority", public, "--recovery", recovery];
    let admin = desk.text("h", &new, "admin");
    let certify = ["admin", "authority", "certify", "--file", "authority.key", "--admin", &admin];
    let card = desk.text("h", &[&certify[..], &["--district", "394", "--name", "ज़िला प्रबंधक"]].concat(), "card");
    desk.done("h", &["admin", "key", "card", "--file", "betul.key", &card]);
    let file = ["--file", "betul.key"];
    let make = |rest: &[&str]| desk.done("h", &[&["admin"], &rest[..1], &file[..], &rest[1..]].concat());
    make(&["unit", "--kind", "ngo", "--name", "आशा किरण समिति"]);
    make(&["post", "--unit", "आशा किरण समिति", "--role", "field-worker", "--name", "कार्यकर्ता"]);
    make(&["stream", "--purpose", "unit", "--clearance", "ABC", "--name", "कार्यक्रम"]);
    make(&["stream", "--purpose", "open", "--name", "खुली धारा"]);
    for stream in ["कार्यक्रम", "खुली धारा"] {
        let set = ["admin", "member", "set", "--file", "betul.key", "--stream", stream];
        let who = ["--unit", "आशा किरण समिति", "--post", "कार्यकर्ता", "--rights", "both"];
        desk.done("h", &[&set[..], &who[..]].concat());
    }
    (public.to_owned(), recovery.to_owned())
}

/// Invites, enrols and binds the only profile of a home.
fn let_in(desk: &Desk, home: &str) {
    desk.done(home, &["profile", "new"]);
    let invite = ["admin", "invite", "--file", "betul.key", "--unit", "आशा किरण समिति", "--post", "कार्यकर्ता"];
    let code = desk.text("h", &[&invite[..], &["--hub", "hub/hub.json"]].concat(), "code");
    fs::write(desk.path("invite.txt"), code).unwrap();
    let device = desk.text(home, &["enrol", "@invite.txt"], "device");
    desk.refused(home, &["sync"], 6);
    let pending = desk.done("h", &["admin", "member", "pending", "--file", "betul.key", "--hub", "hub/hub.json"]);
    assert_eq!(pending[0]["device"], device.as_str());
    desk.done("h", &["admin", "member", "approve", "--file", "betul.key", "--hub", "hub/hub.json", &device]);
}

#[test]
fn a_record_goes_from_one_home_to_another_through_a_hub() {
    let desk = Desk::new();
    let (authority, _) = district(&desk);
    desk.done("h", &["forms", "--schemas", "schemas"]);
    let (runtime, running) = hub(&desk.path("hub"), &authority, &desk.path("schemas"));
    desk.done("h", &["admin", "publish", "--file", "betul.key", "--hub", "hub/hub.json"]);
    let_in(&desk, "rekha");
    let_in(&desk, "sushila");

    desk.done("rekha", &["sync"]);
    let mut answers = session();
    answers["tally_10_13_f"] = json!(-4);
    desk.write("wrong.json", &answers);
    desk.refused("rekha", &["new", "awareness_session", "--answers", "wrong.json"], 4);
    assert_eq!(desk.done("rekha", &["drafts"]).as_array().unwrap().len(), 1);
    desk.write("session.json", &session());
    let record = desk.text("rekha", &["new", "awareness_session", "--answers", "session.json"], "record");
    assert_eq!(desk.done("rekha", &["status"])["unsent_ops"], 1);
    assert_eq!(desk.done("rekha", &["sync"])["sent_ops"], 1);

    assert!(desk.done("sushila", &["sync"])["received_ops"].as_u64().unwrap() >= 1);
    let rows = desk.done("sushila", &["list", "--kind", "awareness_session"]);
    assert_eq!(rows[0]["record"], record.as_str());
    let shown = desk.done("sushila", &["show", &record[..8]]);
    let total = shown["fields"].as_array().unwrap().iter().find(|field| field["name"] == "total").unwrap();
    assert_eq!(total["raw"], "53");

    desk.write("edit.json", &json!({ "place_text": "शासकीय कन्या शाला, मुलताई (पुराना भवन)" }));
    desk.done("sushila", &["edit", &record, "--answers", "edit.json"]);
    desk.write("edit.json", &json!({ "place_text": "शासकीय कन्या शाला, मुलताई (नया भवन)" }));
    desk.done("rekha", &["edit", &record, "--answers", "edit.json"]);
    for home in ["sushila", "rekha", "sushila"] {
        desk.done(home, &["sync"]);
    }
    let conflict = desk.done("sushila", &["conflicts"])[0].clone();
    assert_eq!(conflict["options"].as_array().unwrap().len(), 2);
    let field = conflict["field"].as_str().unwrap();
    desk.done("sushila", &["conflicts", &record, "--resolve", field, "--keep", "1"]);
    desk.done("sushila", &["sync"]);
    desk.done("rekha", &["sync"]);
    assert_eq!(desk.done("rekha", &["conflicts"]), json!([]));
    let export = desk.done("rekha", &["export", &record]);
    assert!(export.to_string().contains("मुलताई"));
    runtime.block_on(running.stop());
    desk.refused("rekha", &["sync"], 5);
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let desk = Desk::new();
    desk.done("asha", &["profile", "new"]);
    fs::write(desk.path("wrong.pin"), "739518\n").unwrap();
    desk.refused("asha", &["--pin-file", "wrong.pin", "profile", "unlock"], 3);
    desk.refused("asha", &["sync"], 6);
    desk.refused("asha", &["enrol", "not-a-code"], 6);
    desk.refused("asha", &["show", "00"], 8);
    desk.refused("asha", &["frobnicate"], 2);
    desk.refused("nobody", &["list"], 8);
    fs::write(desk.path("weak.pin"), "111111").unwrap();
    desk.refused("other", &["--pin-file", "weak.pin", "profile", "new"], 3);
    fs::write(desk.path("not.key"), "hello").unwrap();
    desk.refused("asha", &["admin", "unit", "--file", "not.key"], 7);
}

#[test]
fn help_speaks_the_language_of_the_flag_or_the_locale() {
    let help = |arguments: &[&str], locale: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_samanvay"));
        let output = command.args(arguments).env("LC_ALL", locale).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(help(&["--help"], "C").contains("अभिलेखों की सूची"));
    assert!(help(&["--help"], "hi_IN.UTF-8").contains("अभिलेखों की सूची"));
    assert!(help(&["--help"], "en_IN.UTF-8").contains("List records"));
    assert!(help(&["--lang", "en", "admin", "--help"], "hi_IN.UTF-8").contains("Make an invite"));
    assert!(help(&["--help"], "en_IN.UTF-8").contains("Exit codes: 0 done"));
}

#[test]
fn the_program_links_no_hub() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "-p", "samanvay-cli", "-e", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("samanvay-records"), "{tree}");
    assert!(!tree.contains("samanvay-hub"), "{tree}");
}
