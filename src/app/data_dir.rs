//! The data folder: made, locked, and its key.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::Path,
};

use rusqlite::OptionalExtension;

use crate::{
    config::Config,
    db::Db,
    error::{Error, Result},
    ids::Ids,
    secrets::SealKey,
};

/// Held by the one process that serves a data folder and runs its jobs. The operating system gives it back however the
/// process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

impl Lock {
    /// Nothing where another process has it.
    pub fn try_take(folder: &Path) -> Result<Option<Self>> {
        prepare(folder)?;
        let path = folder.join("lock");
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(|error| not_writable(folder, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    pub fn take(folder: &Path) -> Result<Self> {
        // A process that was killed a moment ago may have left a child that is about to let go of it.
        for _ in 0..20 {
            if let Some(lock) = Self::try_take(folder)? {
                return Ok(lock);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Self::try_take(folder)?.ok_or_else(|| {
            Error::conflict(format!(
                "The data folder {} belongs to another running server. Stop that one first, or choose another folder with `--data-dir`.",
                folder.display()
            ))
        })
    }
}

/// Makes the folder where there is none, and sees that it can be written to.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    if !folder.exists() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        // What customers wrote is for this user's eyes alone.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| not_writable(folder, error))?;
    }
    let probe = folder.join(".writable");
    File::create(&probe).map_err(|error| not_writable(folder, error))?;
    let _ = fs::remove_file(probe);
    Ok(())
}

fn not_writable(folder: &Path, error: std::io::Error) -> Error {
    Error::unavailable(format!(
        "The data folder {} cannot be written to: {error}. Give this user the right to, or choose another folder with `--data-dir`.",
        folder.display()
    ))
}

/// The key that secrets are sealed with: the configured one, else `secret.key`, which is made together with a new
/// database and never anew beside an existing one, because what was sealed with the old key could not be opened again.
pub(super) fn secret_key(config: &Config, is_new: bool, ids: &Ids) -> Result<SealKey> {
    if let Some(key) = &config.secret_key {
        return SealKey::parse(key.reveal());
    }
    let path = config.data_dir.join("secret.key");
    match fs::read_to_string(&path) {
        Ok(text) => SealKey::parse(&text).map_err(|_| {
            Error::bad_request(format!("{} is damaged: it should hold 64 hexadecimal digits. Put back the copy from your backup.", path.display()))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_new => {
            let text = SealKey::generate(ids);
            write_private(&path, &text).map_err(|error| not_writable(&config.data_dir, error))?;
            SealKey::parse(&text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::bad_request(format!(
            "{} is missing, and the database beside it was sealed with it. Put the file back from your backup, or set ILLUMICHAT_SECRET_KEY.",
            path.display()
        ))),
        Err(error) => Err(Error::unavailable(format!("{} cannot be read: {error}.", path.display())).source(error)),
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Sees that the database belongs to this key, and marks a new one.
pub(super) fn check_key(db: &Db, key: &SealKey) -> Result<()> {
    let fingerprint = key.fingerprint();
    let known: Option<String> = db.read(|connection| {
        Ok(connection.query_row("select value from instance where name = 'key_fingerprint'", [], |row| row.get(0)).optional()?)
    })?;
    match known {
        Some(known) if known == fingerprint => Ok(()),
        Some(_) => Err(Error::bad_request(
            "The secret key is not the one that this database was sealed with. Put back `secret.key`, or the right ILLUMICHAT_SECRET_KEY.",
        )),
        None => db.write_now(move |tx| {
            tx.execute("insert into instance (name, value) values ('key_fingerprint', ?1) on conflict (name) do nothing", [fingerprint])?;
            Ok(())
        }),
    }
}
