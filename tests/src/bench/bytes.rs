//! Bytes of a sync on the network: TCP payload in both directions, so TLS, HTTP headers and frames are in.

use super::{Measured, Sample, Table, scratch, stage};
use crate::error::Result;
use crate::net::Counter;
use crate::stage::Stage;

/// Syncs that a figure is the mean of.
const SYNCS: u32 = 10;
/// Records that are sent together.
const MANY: u32 = 100;
/// Most bytes that a record in one stream may cost.
const ONE: f64 = 650.0;
/// Most bytes that each further stream may add.
const FURTHER: f64 = 250.0;
/// Why some figures are held against no bar.
const WHOLE: &str = "no bar: carries nearly the whole record, which no dictionary packs yet";

/// Measures.
///
/// # Errors
/// A device or the hub refused.
pub async fn bytes() -> Result<Measured> {
    let scratch = scratch()?;
    let (stage, counter) = stage(scratch.path()).await?;
    let mut table = Table::default();
    for sample in Sample::short()? {
        let name = format!("{} ({})", sample.kind, sample.what);
        table.title(&format!("{name}: one record a sync, warm connection, mean of {SYNCS}"));
        let one = single(&stage, &counter, &sample, "one").await?;
        let two = single(&stage, &counter, &sample, "two").await?;
        let three = single(&stage, &counter, &sample, "three").await?;
        // Of a session the roll-up gets nearly all, of a missing child the coarse facts; the home stream gets all of each.
        if sample.kind == "missing_child" {
            table.shown("one sealed stream", one, "B");
            table.note(WHOLE);
            table.promised("a further sealed stream", two - one, FURTHER, "B");
        } else {
            table.promised("one sealed stream", one, ONE, "B");
            table.shown("a further sealed stream", two - one, "B");
            table.note(WHOLE);
        }
        table.promised("a further open stream", three - two, FURTHER, "B");
        table.title(&format!("{name}: {MANY} records in one sync"));
        for (device, streams) in [("one", 1.0), ("two", 2.0)] {
            let many = together(&stage, &counter, &sample, device).await?;
            let what = format!("{streams} sealed streams: a record in a stream");
            table.promised(&what, many / f64::from(MANY) / streams, 160.0, "B");
        }
        let locked = locked(&stage, &counter, &sample, "two").await?;
        table.shown("while locked, frame by frame: a record in a stream", locked / f64::from(MANY) / 2.0, "B");
    }
    let long = Sample::long()?;
    table.title(&format!("{} ({}): one record a sync, warm connection", long.kind, long.what));
    table.shown("one sealed stream", single(&stage, &counter, &long, "one").await?, "B");
    table.title("one sync with nothing to say, warm connection");
    let before = counter.bytes();
    for _ in 0..SYNCS {
        stage.of("two")?.sync().await?;
    }
    table.shown("two streams", mean(&counter, before), "B");
    stage.end().await;
    Ok(table.done())
}

/// Bytes of a sync with one record, after one that warmed the connection.
async fn single(stage: &Stage, counter: &Counter, sample: &Sample, device: &str) -> Result<f64> {
    let device_of = stage.of(device)?;
    sample.filled(stage, device)?.finish()?;
    device_of.sync().await?;
    let before = counter.bytes();
    for _ in 0..SYNCS {
        sample.filled(stage, device)?.finish()?;
        device_of.sync().await?;
    }
    Ok(mean(counter, before))
}

async fn together(stage: &Stage, counter: &Counter, sample: &Sample, device: &str) -> Result<f64> {
    for _ in 0..MANY {
        sample.filled(stage, device)?.finish()?;
    }
    let before = counter.bytes();
    stage.of(device)?.sync().await?;
    Ok(number(counter.bytes().since(before).sum()))
}

/// The same records, sent as they were saved, by a profile that is locked.
async fn locked(stage: &Stage, counter: &Counter, sample: &Sample, device: &str) -> Result<f64> {
    for _ in 0..MANY {
        sample.filled(stage, device)?.finish()?;
    }
    let device = stage.of(device)?;
    device.profile.lock();
    let before = counter.bytes();
    device.profile.sync_frames_locked().await?;
    let sent = number(counter.bytes().since(before).sum());
    device.profile.unlock(&device.data.pin)?;
    device.sync().await?;
    Ok(sent)
}

fn mean(counter: &Counter, before: crate::net::Bytes) -> f64 {
    number(counter.bytes().since(before).sum()) / f64::from(SYNCS)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a bench stay far below 2^52")]
fn number(bytes: u64) -> f64 {
    bytes as f64
}
