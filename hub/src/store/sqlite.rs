//! The embedded engine: one `SQLite` file, one writer thread, as many readers as are needed.
//!
//! Knows SQL. Refuses to judge anything but numbers, chains and lengths, which must be judged inside the transaction.
//! Invariant: an answer leaves only after the transaction that it reports has been committed with `synchronous=FULL`;
//! writes that wait together share one commit. Start at [`Sqlite::open`].

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use samanvay_sync::id::{DeviceId, Hash, Incarnation, LogId, PostId, StreamId, UnitId};

use super::{
    Appended, Chain, ChainKey, ENROLMENTS_MAX, Enrolled, Enrolment, FORKS_MAX, NewSegment, Placed, Pulled, Push,
    Pushed, QUARANTINE_BYTES_MAX, QUARANTINE_MAX, Result, Store, StoreError,
};

const LAYOUT: i64 = 1;
const SCHEMA: &str = include_str!("schema.sql");
/// Most writes that share one commit.
const GROUP: usize = 64;
/// Most idle reading connections kept.
const READERS: usize = 8;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // The error's text can quote SQL and file paths, never bound values.
        Self::Engine(error.to_string())
    }
}

/// Runs inside the writer's transaction; gives what to do once the commit's outcome is known.
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;
/// Called with the commit's outcome.
type Answer = Box<dyn FnOnce(std::result::Result<(), String>) + Send>;

/// The hub's `SQLite` file.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    writer: Option<Sender<Job>>,
    thread: Option<std::thread::JoinHandle<()>>,
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens the file, making it if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a file of a newer hub, [`StoreError::Engine`] if the file cannot be opened or is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = Connection::open(path)?;
        configure(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&mut connection)?;
        let (writer, jobs) = channel();
        let thread = std::thread::Builder::new()
            .name("hub-writer".to_owned())
            .spawn(move || write_loop(&connection, &jobs))
            .map_err(|error| StoreError::Engine(error.to_string()))?;
        Ok(Self { path: path.to_owned(), writer: Some(writer), thread: Some(thread), readers: Mutex::default() })
    }

    /// Runs `work` in the writer's transaction and waits for the commit.
    fn write<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        let stopped = || StoreError::Engine("the writer has stopped".to_owned());
        let (send, receive) = channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, work);
            Box::new(move |committed| {
                // The caller may have gone away; then nobody needs the answer.
                let _ = send.send(committed.map_err(StoreError::Engine).and(result));
            })
        });
        self.writer.as_ref().ok_or_else(stopped)?.send(job).map_err(|_| stopped())?;
        receive.recv().map_err(|_| stopped())?
    }

    /// Runs `work` on a reading connection.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let kept = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = kept.map_or_else(|| self.open_reader(), Ok)?;
        let result = work(&connection);
        let mut kept = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < READERS {
            kept.push(connection);
        }
        result
    }

    fn open_reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        configure(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.writer = None; // ends the writer's loop
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "cipher_log_level", "NONE")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match found {
        LAYOUT => Ok(()),
        0 => {
            let incarnation = new_incarnation()?;
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.execute("INSERT INTO meta (incarnation) VALUES (?1)", [incarnation.0])?;
            transaction.commit()?;
            Ok(())
        }
        found => Err(StoreError::Newer { found }),
    }
}

fn new_incarnation() -> Result<Incarnation> {
    let mut incarnation = Incarnation::default();
    let drawn = SystemRandom::new().fill(&mut incarnation.0);
    drawn.map_err(|_| StoreError::Engine("no randomness from the system".to_owned()))?;
    Ok(incarnation)
}

fn write_loop(connection: &Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| error.to_string());
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            answers.push(job(connection));
            next = if answers.len() < GROUP { jobs.try_recv().ok() } else { None };
        }
        let committed = begun.and_then(|()| connection.execute_batch("COMMIT").map_err(|error| error.to_string()));
        if committed.is_err() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        for answer in answers {
            answer(committed.clone());
        }
    }
}

/// Runs `work` so that its failure undoes its own writes and not those of others in the same commit.
fn in_savepoint<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    if connection.is_autocommit() {
        return Err(StoreError::Engine("no transaction could be begun".to_owned()));
    }
    connection.execute_batch("SAVEPOINT job")?;
    let result = work(connection);
    if result.is_err() {
        connection.execute_batch("ROLLBACK TO job")?;
    }
    connection.execute_batch("RELEASE job")?;
    result
}

fn int(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange)
}

fn uint(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn chain_of(connection: &Connection, key: ChainKey) -> Result<Chain> {
    let sql = "SELECT next, hash FROM segments WHERE stream = ?1 AND device = ?2 AND generation = ?3 ORDER BY first DESC LIMIT 1";
    let chain = connection
        .prepare_cached(sql)?
        .query_row(params![key.stream.0, key.device.0, key.generation.0], |row| {
            Ok(Chain { next: uint(row, 0)?, head: Hash(row.get(1)?) })
        })
        .optional()?;
    Ok(chain.unwrap_or_default())
}

fn head_of(connection: &Connection, stream: StreamId) -> Result<u64> {
    let head = connection
        .prepare_cached("SELECT head FROM streams WHERE stream = ?1")?
        .query_row([stream.0], |row| uint(row, 0))
        .optional()?;
    Ok(head.unwrap_or(0))
}

/// Raises the device's number; `Err(last)` inside if it does not rise.
fn raise_number(connection: &Connection, device: DeviceId, number: u64) -> Result<std::result::Result<(), u64>> {
    let last = connection
        .prepare_cached("SELECT number FROM numbers WHERE device = ?1")?
        .query_row([device.0], |row| uint(row, 0))
        .optional()?;
    if let Some(last) = last
        && number <= last
    {
        return Ok(Err(last));
    }
    connection
        .prepare_cached("INSERT INTO numbers (device, number) VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET number = excluded.number")?
        .execute(params![device.0, int(number)?])?;
    Ok(Ok(()))
}

fn place(connection: &Connection, segment: &NewSegment, received: u64) -> Result<Placed> {
    let key = segment.chain;
    let end = segment.first.checked_add(segment.count).ok_or(StoreError::OutOfRange)?;
    let held = connection
        .prepare_cached(
            "SELECT position, hash FROM segments WHERE stream = ?1 AND device = ?2 AND generation = ?3 AND first = ?4",
        )?
        .query_row(params![key.stream.0, key.device.0, key.generation.0, int(segment.first)?], |row| {
            Ok((uint(row, 0)?, Hash(row.get(1)?)))
        })
        .optional()?;
    if let Some((position, hash)) = held
        && hash == segment.hash
    {
        return Ok(Placed::Held(position));
    }
    if segment.review {
        return quarantine(connection, segment, received);
    }
    let chain = chain_of(connection, key)?;
    if segment.first < chain.next {
        let kept: u64 = connection
            .prepare_cached("SELECT count(*) FROM forks WHERE stream = ?1 AND device = ?2 AND generation = ?3")?
            .query_row(params![key.stream.0, key.device.0, key.generation.0], |row| uint(row, 0))?;
        if kept < FORKS_MAX {
            set_aside(connection, "forks", segment, received)?;
        }
        return Ok(Placed::Fork);
    }
    if segment.first > chain.next || segment.prev != chain.head {
        return Ok(Placed::Gap);
    }
    let position: u64 = connection
        .prepare_cached("INSERT INTO streams (stream, head) VALUES (?1, 1) ON CONFLICT (stream) DO UPDATE SET head = head + 1 RETURNING head")?
        .query_row([key.stream.0], |row| uint(row, 0))?;
    connection
        .prepare_cached("INSERT INTO segments (stream, position, device, generation, first, next, hash, received, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            key.stream.0,
            int(position)?,
            key.device.0,
            key.generation.0,
            int(segment.first)?,
            int(end)?,
            segment.hash.0,
            int(received)?,
            segment.body
        ])?;
    Ok(Placed::Accepted(position))
}

/// Keeps a segment of an author whose rights have ended, as long as there is room for that author.
fn quarantine(connection: &Connection, segment: &NewSegment, received: u64) -> Result<Placed> {
    let is_kept = connection.prepare_cached("SELECT 1 FROM quarantine WHERE hash = ?1")?.exists([segment.hash.0])?;
    if is_kept {
        return Ok(Placed::Quarantined);
    }
    let (kept, bytes): (u64, u64) = connection
        .prepare_cached("SELECT count(*), coalesce(sum(length(body)), 0) FROM quarantine WHERE device = ?1")?
        .query_row([segment.chain.device.0], |row| Ok((uint(row, 0)?, uint(row, 1)?)))?;
    if kept >= QUARANTINE_MAX || bytes + segment.body.len() as u64 > QUARANTINE_BYTES_MAX {
        return Ok(Placed::Full);
    }
    set_aside(connection, "quarantine", segment, received)?;
    Ok(Placed::Quarantined)
}

/// Keeps a segment in a table beside the stream.
fn set_aside(connection: &Connection, table: &'static str, segment: &NewSegment, received: u64) -> Result<()> {
    let key = segment.chain;
    let sql = format!(
        "INSERT OR IGNORE INTO {table} (hash, stream, device, generation, first, received, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    );
    connection.prepare_cached(&sql)?.execute(params![
        segment.hash.0,
        key.stream.0,
        key.device.0,
        key.generation.0,
        int(segment.first)?,
        int(received)?,
        segment.body
    ])?;
    Ok(())
}

fn enrolment(row: &rusqlite::Row<'_>) -> rusqlite::Result<Enrolment> {
    Ok(Enrolment {
        invite: row.get(0)?,
        unit: UnitId(row.get(1)?),
        post: PostId(row.get(2)?),
        district: uint(row, 3)?,
        card: Hash(row.get(4)?),
        message: row.get(5)?,
    })
}

impl Store for Sqlite {
    fn incarnation(&self) -> Result<Incarnation> {
        self.read(|connection| {
            Ok(Incarnation(connection.query_row("SELECT incarnation FROM meta", [], |row| row.get(0))?))
        })
    }

    fn renew(&self) -> Result<Incarnation> {
        self.write(|connection| {
            let incarnation = new_incarnation()?;
            connection.execute("UPDATE meta SET incarnation = ?1", [incarnation.0])?;
            Ok(incarnation)
        })
    }

    fn logs(&self) -> Result<Vec<LogId>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT log FROM logs WHERE idx = 0")?;
            let rows = statement.query_map([], |row| Ok(LogId(row.get(0)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn log(&self, log: LogId, from: u64) -> Result<Vec<Vec<u8>>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT entry FROM logs WHERE log = ?1 AND idx >= ?2 ORDER BY idx")?;
            let rows = statement.query_map(params![log.0, int(from)?], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn append(&self, log: LogId, length: u64, entries: &[Vec<u8>]) -> Result<Appended> {
        let entries = entries.to_vec();
        self.write(move |connection| {
            let held: u64 = connection
                .prepare_cached("SELECT coalesce(max(idx) + 1, 0) FROM logs WHERE log = ?1")?
                .query_row([log.0], |row| uint(row, 0))?;
            if held != length {
                return Ok(Appended::Moved(held));
            }
            let mut insert = connection.prepare_cached("INSERT INTO logs (log, idx, entry) VALUES (?1, ?2, ?3)")?;
            let mut next = held;
            for entry in &entries {
                insert.execute(params![log.0, int(next)?, entry])?;
                next += 1;
            }
            Ok(Appended::Length(next))
        })
    }

    fn chain(&self, chain: ChainKey) -> Result<Chain> {
        self.read(|connection| chain_of(connection, chain))
    }

    fn before(&self, chain: ChainKey, first: u64) -> Result<Option<Hash>> {
        let sql = "SELECT hash, next FROM segments WHERE stream = ?1 AND device = ?2 AND generation = ?3 AND first < ?4 ORDER BY first DESC LIMIT 1";
        self.read(|connection| {
            let found = connection
                .prepare_cached(sql)?
                .query_row(params![chain.stream.0, chain.device.0, chain.generation.0, int(first)?], |row| {
                    Ok((Hash(row.get(0)?), uint(row, 1)?))
                })
                .optional()?;
            Ok(found.and_then(|(hash, next)| (next == first).then_some(hash)))
        })
    }

    fn push(&self, push: Push) -> Result<Pushed> {
        self.write(move |connection| {
            if let Err(last) = raise_number(connection, push.device, push.number)? {
                return Ok(Pushed::Stale { last });
            }
            let placed = push.segments.iter().map(|segment| place(connection, segment, push.received));
            Ok(Pushed::Stored(placed.collect::<Result<_>>()?))
        })
    }

    fn pull(&self, stream: StreamId, after: u64, budget: usize) -> Result<Pulled> {
        self.read(|connection| {
            // The head first: segments that arrive between the two reads are beyond it and are not given.
            let head = head_of(connection, stream)?;
            let mut pulled = Pulled { head, segments: Vec::new() };
            if budget == 0 || after >= head {
                return Ok(pulled);
            }
            let sql = "SELECT position, body FROM segments WHERE stream = ?1 AND position > ?2 AND position <= ?3 ORDER BY position";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![stream.0, int(after)?, int(head)?])?;
            let mut bytes = 0usize;
            while bytes < budget
                && let Some(row) = rows.next()?
            {
                let body: Vec<u8> = row.get(1)?;
                bytes = bytes.saturating_add(body.len());
                pulled.segments.push((uint(row, 0)?, body));
            }
            Ok(pulled)
        })
    }

    fn enrol(&self, new: Enrolment) -> Result<Enrolled> {
        self.write(move |connection| {
            let card = connection
                .prepare_cached("SELECT card FROM enrolments WHERE invite = ?1")?
                .query_row([new.invite], |row| Ok(Hash(row.get(0)?)))
                .optional()?;
            if let Some(card) = card {
                return Ok(if card == new.card { Enrolled::Again } else { Enrolled::Used });
            }
            connection
                .prepare_cached(
                    "INSERT INTO enrolments (invite, unit, post, district, card, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![new.invite, new.unit.0, new.post.0, int(new.district)?, new.card.0, new.message])?;
            Ok(Enrolled::New)
        })
    }

    fn settle(&self, unit: UnitId, post: PostId, card: Hash) -> Result<()> {
        self.write(move |connection| {
            connection
                .prepare_cached("UPDATE enrolments SET done = 1 WHERE unit = ?1 AND post = ?2 AND card = ?3")?
                .execute(params![unit.0, post.0, card.0])?;
            Ok(())
        })
    }

    fn enrolments(&self, district: Option<u64>) -> Result<Vec<Enrolment>> {
        let sql = "SELECT invite, unit, post, district, card, message FROM enrolments
            WHERE done = 0 AND (?1 IS NULL OR district = ?1) ORDER BY id DESC LIMIT ?2";
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![district.map(int).transpose()?, int(ENROLMENTS_MAX)?], enrolment)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
