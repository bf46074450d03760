//! What a save costs: CPU for each stream, fsyncs, and time against a bare insert into `SQLCipher`.
//!
//! Invariant: saves and inserts take turns in one process, so both meet the same machine. Start at [`save`].

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{Measured, Sample, Table, scratch, shim, stage};
use crate::error::{Failure, Result, reading};
use crate::stage::Stage;

/// Turns, and saves of each device in a turn.
const TURNS: usize = 8;
const SAVES: usize = 25;
/// The slow flash that a phone's is taken for, in milliseconds an fsync.
const SLOW_MS: u32 = 5;
const DEVICES: [&str; 3] = ["one", "two", "three"];
const INSERT: &str = "insert";

/// What one kind of work cost, one figure for each time it was done.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cost {
    /// Wall time of each, in milliseconds.
    wall: Vec<f64>,
    /// Fsyncs of each.
    fsyncs: Vec<u64>,
    /// CPU of all, in milliseconds.
    cpu: f64,
}

impl Cost {
    fn cpu_each(&self) -> f64 {
        self.cpu / f64::from(u32::try_from(self.wall.len()).unwrap_or(u32::MAX).max(1))
    }

    fn wall_median(&self) -> f64 {
        let mut sorted = self.wall.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn fsyncs_median(&self) -> u64 {
        let mut sorted = self.fsyncs.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a bench stay far below 2^52")]
    fn fsyncs_mean(&self) -> f64 {
        self.fsyncs.iter().sum::<u64>() as f64 / self.fsyncs.len().max(1) as f64
    }
}

type Costs = BTreeMap<String, Cost>;

/// Measures as the disk is and as slow as a phone's.
///
/// # Errors
/// No C compiler, or a device refused.
pub fn save() -> Result<Measured> {
    let scratch = scratch()?;
    let library = shim::build(scratch.path())?;
    let mut table = Table::default();
    for delay in [0, SLOW_MS] {
        let printed = shim::run(&library, delay)?;
        let costs: Costs = serde_json::from_str(&printed).map_err(|error| Failure::Data(error.to_string()))?;
        tell(&mut table, &costs, delay)?;
    }
    Ok(table.done())
}

fn tell(table: &mut Table, costs: &Costs, delay: u32) -> Result<()> {
    let of = |name: &str| costs.get(name).ok_or_else(|| Failure::Data(format!("nothing measured for {name}")));
    let insert = of(INSERT)?;
    let (one, two, three) = (of("one")?, of("two")?, of("three")?);
    table.title(&format!("a save of an awareness session, {} times, fsync + {delay} ms", one.wall.len()));
    for (name, cost) in [("SQLCipher insert", insert), ("1 stream", one), ("2 streams", two), ("3 streams", three)] {
        table.shown(&format!("{name}: median wall time"), cost.wall_median(), "ms");
        table.shown(&format!("{name}: CPU"), cost.cpu_each(), "ms");
        table.shown(&format!("{name}: fsyncs, mean with checkpoints of the log"), cost.fsyncs_mean(), "");
    }
    for (name, cost) in [("1 stream", one), ("2 streams", two), ("3 streams", three)] {
        let fsyncs = f64::from(u32::try_from(cost.fsyncs_median()).unwrap_or(u32::MAX));
        table.promised(&format!("{name}: fsyncs of a save"), fsyncs, 2.0, "");
        let ratio = cost.wall_median() / insert.wall_median();
        if delay == 0 {
            table.shown(&format!("{name}: save / insert, disk as it is"), ratio, "×");
        } else {
            table.promised(&format!("{name}: save / insert, slow flash"), ratio, 2.5, "×");
        }
    }
    if delay == 0 {
        table.promised("CPU of a further sealed stream", two.cpu_each() - one.cpu_each(), 0.4, "ms");
        table.promised("CPU of a further open stream", three.cpu_each() - two.cpu_each(), 0.4, "ms");
    }
    Ok(())
}

/// The part that runs under the shim.
///
/// # Errors
/// A device refused, or the shim is not loaded.
pub async fn save_inner() -> Result<Measured> {
    let scratch = scratch()?;
    let (stage, _counter) = stage(scratch.path()).await?;
    let sample = Sample::long()?;
    let bare = bare(&scratch.path().join("bare.db"))?;
    let mut costs = Costs::new();
    for _ in 0..TURNS {
        for device in DEVICES {
            saves(&stage, &sample, device, costs.entry(device.to_owned()).or_default())?;
        }
        inserts(&stage, &bare, costs.entry(INSERT.to_owned()).or_default())?;
    }
    stage.end().await;
    let table = serde_json::to_string(&costs).map_err(|error| Failure::Data(error.to_string()))?;
    Ok(Measured { table, kept: true })
}

fn saves(stage: &Stage, sample: &Sample, device: &str, cost: &mut Cost) -> Result<()> {
    let filled = (0..SAVES).map(|_| sample.filled(stage, device)).collect::<Result<Vec<_>>>()?;
    let cpu = cpu_ms()?;
    for mut session in filled {
        let (fsyncs, begun) = (shim::count()?, Instant::now());
        session.finish()?;
        cost.wall.push(begun.elapsed().as_secs_f64() * 1e3);
        cost.fsyncs.push(shim::count()? - fsyncs);
    }
    cost.cpu += cpu_ms()? - cpu;
    Ok(())
}

/// A database as the vault's, with nothing around it.
fn bare(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.execute_batch(&format!(
        "PRAGMA cipher_log_level = NONE; PRAGMA cipher_memory_security = OFF; PRAGMA key = \"x'{}'\";
         PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 100;
         PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;
         CREATE TABLE record (record BLOB PRIMARY KEY, kind TEXT NOT NULL, fields TEXT NOT NULL) STRICT, WITHOUT ROWID;",
        "5a".repeat(32)
    ))?;
    Ok(db)
}

/// The same rows, as a program without outbox and streams would keep them.
fn inserts(stage: &Stage, bare: &Connection, cost: &mut Cost) -> Result<()> {
    let profile = &stage.of("one")?.profile;
    let rows = profile.list(&samanvay_records::view::Filter { limit: 1, ..Default::default() })?;
    let row = rows.first().ok_or_else(|| Failure::Data("nothing was saved".to_owned()))?;
    let fields = profile.export(Some(&row.record))?;
    let mut insert = bare.prepare("INSERT INTO record VALUES (randomblob(16), ?1, ?2)")?;
    let cpu = cpu_ms()?;
    for _ in 0..SAVES {
        let (fsyncs, begun) = (shim::count()?, Instant::now());
        insert.execute([&row.kind, &fields])?;
        cost.wall.push(begun.elapsed().as_secs_f64() * 1e3);
        cost.fsyncs.push(shim::count()? - fsyncs);
    }
    cost.cpu += cpu_ms()? - cpu;
    Ok(())
}

/// CPU time of this thread in milliseconds, from the kernel's own books.
fn cpu_ms() -> Result<f64> {
    let path = Path::new("/proc/thread-self/schedstat");
    let text = fs::read_to_string(path).map_err(reading(path))?;
    let nanos: Option<f64> = text.split(' ').next().and_then(|n| n.parse().ok());
    nanos.map(|nanos| nanos / 1e6).ok_or_else(|| Failure::Data("no CPU time".to_owned()))
}
