//! The shim that counts and slows fsyncs (`tests/shim/fsync.c`): built, loaded into a process, read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Failure, Result, reading};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/fsync.c");
const COUNT: &str = "SAMANVAY_FSYNC_COUNT";
const DELAY: &str = "SAMANVAY_FSYNC_DELAY_MS";

/// Builds the shim in a folder.
pub(super) fn build(folder: &Path) -> Result<PathBuf> {
    let library = folder.join("libfsync.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .arg(SOURCE)
        .arg("-ldl")
        .status()
        .map_err(reading(Path::new("cc")))?;
    if built.success() { Ok(library) } else { Err(Failure::Data("cc could not build the fsync shim".to_owned())) }
}

/// Runs `bench save --inner` under the shim and gives what it printed.
pub(super) fn run(library: &Path, delay_ms: u32) -> Result<String> {
    let count = library.with_file_name(format!("count-{delay_ms}"));
    let program = std::env::current_exe().map_err(reading(Path::new("this program")))?;
    let output = Command::new(program)
        .args(["bench", "save", "--inner"])
        .env("LD_PRELOAD", library)
        .env(COUNT, &count)
        .env(DELAY, delay_ms.to_string())
        .output()
        .map_err(reading(library))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Failure::Data(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Fsyncs of this process so far, as the shim counted them.
pub(super) fn count() -> Result<u64> {
    let path = PathBuf::from(std::env::var(COUNT).unwrap_or_default());
    let bytes = fs::read(&path).map_err(reading(&path))?;
    let count = bytes.first_chunk::<8>().copied().map(u64::from_ne_bytes);
    count.ok_or_else(|| Failure::Data("the fsync shim is not loaded".to_owned()))
}
