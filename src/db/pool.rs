//! The readers: connections that cannot write, handed out one at a time.

use std::path::Path;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::{Access, connect, run_prepared};
use crate::error::Result;

pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    /// Kept apart for `data_version`, which compares a connection with its own past.
    first: Mutex<Connection>,
}

impl Readers {
    pub(super) fn open(path: &Path, count: usize) -> Result<Self> {
        let idle = (0..count.max(1)).map(|_| connect(path, Access::Read)).collect::<Result<Vec<_>>>()?;
        Ok(Readers { idle: Mutex::new(idle), returned: Condvar::new(), first: Mutex::new(connect(path, Access::Read)?) })
    }

    pub(super) fn with<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let guard = Borrowed { readers: self, connection: Some(self.take()) };
        match &guard.connection {
            Some(connection) => {
                // One look at the database for all of its statements: they see the same state, and the file is locked and
                // unlocked once, by two calls of the system's, and not for each of them.
                run_prepared(connection, "begin")?;
                let outcome = query(connection);
                run_prepared(connection, "commit")?;
                outcome
            }
            None => Err(crate::error::Error::internal("a borrowed reader is there until it is given back")),
        }
    }

    pub(super) fn with_first<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        query(&self.first.lock())
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock();
        loop {
            match idle.pop() {
                Some(connection) => return connection,
                None => self.returned.wait(&mut idle),
            }
        }
    }
}

/// Gives its connection back also when the query panics.
struct Borrowed<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Only where the query has panicked, or reading has failed so that its end did too.
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("rollback");
            }
            self.readers.idle.lock().push(connection);
            self.readers.returned.notify_one();
        }
    }
}
