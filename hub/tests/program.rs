//! The program: arguments, exit codes, start and stop.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

fn hub(arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_samanvay-hub"));
    command.args(arguments).arg("--dir").arg(dir).stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The first line that begins with `start`, of what the program says.
fn line(child: &mut Child, start: &str) -> String {
    let lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    lines.map(Result::unwrap).find(|line| line.starts_with(start)).unwrap()
}

#[test]
fn program_serves_until_an_interrupt_and_ends_well() {
    let dir = TempDir::new().unwrap();
    let mut child = hub(&["serve"], dir.path()).spawn().unwrap();
    let said = line(&mut child, "listening on ");
    let url = said.strip_prefix("listening on ").unwrap();
    let json = std::fs::read_to_string(dir.path().join("hub.json")).unwrap();
    assert!(url.starts_with("https://127.0.0.1:") && json.contains(url), "{said} {json}");
    let interrupt = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn failures_have_the_exit_codes_that_help_lists() {
    let code = |arguments: &[&str], dir: &Path| hub(arguments, dir).output().unwrap().status.code();
    let dir = TempDir::new().unwrap();
    assert_eq!(code(&["serve", "--authority", "abc"], dir.path()), Some(2));
    assert_eq!(code(&["serve", "--listen", "192.0.2.1:1"], dir.path()), Some(4), "not an address of this machine");
    assert_eq!(code(&["serve", "--page", "0.0.0.0:0"], dir.path()), Some(4));
    assert_eq!(code(&["serve", "--schemas", "no/such/folder"], dir.path()), Some(6));
    std::fs::write(dir.path().join("receipt-key"), "damaged").unwrap();
    assert_eq!(code(&["serve"], dir.path()), Some(5));
    std::fs::write(dir.path().join("seal.txt"), "samanvay-private-key\n").unwrap();
    assert_eq!(code(&["serve"], dir.path()), Some(3));
}

#[test]
fn restored_says_so_once_and_wants_a_store() {
    let dir = TempDir::new().unwrap();
    assert_eq!(hub(&["restored"], dir.path()).output().unwrap().status.code(), Some(6), "no store in it");
    let mut child = hub(&["serve"], dir.path()).spawn().unwrap();
    line(&mut child, "listening on ");
    let interrupt = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(hub(&["restored"], dir.path()).output().unwrap().status.code(), Some(0));
}
