//! The database: opened, migrated, read and written. It knows no table.
//!
//! One writer thread and several readers share a WAL file. A write is a synchronous closure, so nobody can await a
//! network call inside a transaction: it does not compile. Writes that wait together are committed together.

mod migrate;
mod pool;
mod scrub;
mod words;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use tokio::sync::watch;

pub use migrate::{MIGRATIONS, Migration, Plan, schema};
pub use scrub::scrub;
pub(crate) use words::words;
pub use writer::Tx;

use crate::{
    clock::Clock,
    error::{Error, Result},
};

/// Handles to one database file. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    writer: writer::Writer,
    readers: pool::Readers,
}

/// How long a connection waits for another process (the command line beside the server) to finish its write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Db {
    /// Opens the file, makes it where there is none, and brings its schema up to date, with a backup of an older one
    /// beside it first.
    pub fn open(path: &Path, readers: usize, clock: &Clock) -> Result<Self> {
        register_sqlite_vec();
        let mut connection = connect(path, Access::Write)?;
        migrate::apply(&mut connection, path, clock)?;
        Ok(Db(Arc::new(Inner { writer: writer::Writer::start(connection)?, readers: pool::Readers::open(path, readers)? })))
    }

    /// Runs `change` in a transaction of the writer's and answers once it is on the disk. An error undoes the change, and
    /// only that one, also where several are committed together.
    pub async fn write<T, F>(&self, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.0.writer.write(change).await
    }

    /// The same, holding the calling thread until it is done: for the start of the server and the command line.
    pub fn write_now<T, F>(&self, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.0.writer.write_now(change)
    }

    /// Reads on the calling thread, all of it as of one moment: for statements that an index answers. What scans goes
    /// through `read_slowly`.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.0.readers.with(query)
    }

    /// Reads on a thread of its own, for what takes more than a millisecond.
    pub async fn read_slowly<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.read(query)).await.map_err(Error::internal)?
    }

    /// Changes with every commit of this process: whoever tells of what is written wakes by it. What another process writes
    /// shows in `data_version`.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.0.writer.committed()
    }

    /// A number that changes whenever another process has written to the file.
    pub fn data_version(&self) -> Result<i64> {
        self.0.readers.with_first(|connection| Ok(connection.query_row("pragma data_version", [], |row| row.get(0))?))
    }

    /// Moves what the write-ahead log holds into the database file, as a clean stop does.
    pub async fn checkpoint(&self) -> Result<()> {
        self.0.writer.checkpoint().await
    }
}

/// What opening the file would do to its schema.
pub fn plan(path: &Path) -> Result<Plan> {
    register_sqlite_vec();
    Plan::of(&connect(path, Access::Read)?)
}

/// Runs a statement that comes with every transaction, and so is compiled once.
fn run_prepared(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

enum Access {
    Write,
    Read,
}

fn connect(path: &Path, access: Access) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
    )
    .map_err(|error| {
        Error::unavailable(format!("The database {} cannot be opened: {error}. Check that the folder exists and is writable.", path.display()))
            .source(error)
    })?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(256);
    // SQLite is built with STAT4, which plans a statement anew for every value that is bound to it: half of a chat's time in
    // the database went into that. Nothing here has statistics by which another plan could be better.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // FULL: an answer of "accepted" is a promise that outlives a power cut, and with grouped commits it costs 4 to 8 ms
    // alone and nothing under load. NORMAL would lose the last commits. A test looks for the sync.
    connection.execute_batch(
        "pragma journal_mode = wal;
         pragma synchronous = full;
         pragma foreign_keys = on;
         pragma secure_delete = on;
         pragma temp_store = memory;
         pragma cache_size = -8192;
         pragma mmap_size = 0;
         pragma trusted_schema = off;",
    )
    .map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Error::unavailable(format!(
            "The file {} is no SQLite database, or is damaged: {error}. Restore it from a backup, or choose another data folder with `--data-dir`.",
            path.display()
        ))
        .source(error),
        _ => error.into(),
    })?;
    if let Access::Read = access {
        connection.execute_batch("pragma query_only = on;")?;
    }
    Ok(connection)
}

/// The version of SQLite inside the binary. Versions 3.7.0 to 3.51.2 can corrupt a WAL file that several connections use
/// (sqlite.org/wal.html#walresetbug), so a test holds this to a later one.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Makes `vec0` and its functions known to every connection that is opened from now on.
fn register_sqlite_vec() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        #[expect(unsafe_code, reason = "there is no other way to set what holds for all connections")]
        // SAFETY: called as documented, with one `int`, before SQLite is first used; if it was already, it refuses.
        unsafe {
            // SQLite's own count of its memory, behind a lock that every allocation would take. Nobody asks for it.
            rusqlite::ffi::sqlite3_config(rusqlite::ffi::SQLITE_CONFIG_MEMSTATUS, 0_i32);
        }
        type Entry = unsafe extern "C" fn(
            *mut rusqlite::ffi::sqlite3,
            *mut *mut std::os::raw::c_char,
            *const rusqlite::ffi::sqlite3_api_routines,
        ) -> std::os::raw::c_int;
        #[expect(unsafe_code, reason = "sqlite-vec is a C extension; this is the registration its documentation prescribes")]
        // SAFETY: `sqlite3_vec_init` is an extension entry point with exactly this signature; the crate declares it without arguments.
        unsafe {
            let entry = std::mem::transmute::<*const (), Entry>(sqlite_vec::sqlite3_vec_init as *const ());
            rusqlite::ffi::sqlite3_auto_extension(Some(entry));
        }
    });
}

/// Turns the failure of a unique index into the error that fits there; `constraint` is the index's name or `table.column`.
pub fn on_unique(constraint: &'static str, replace: impl FnOnce() -> Error) -> impl FnOnce(rusqlite::Error) -> Error {
    move |error| match &error {
        rusqlite::Error::SqliteFailure(failure, Some(message))
            if failure.code == rusqlite::ErrorCode::ConstraintViolation && message.contains(constraint) =>
        {
            replace()
        }
        _ => error.into(),
    }
}
