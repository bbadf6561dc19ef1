//! The folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{error::Result, secrets};

/// The files of one data folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
}

/// Bytes that are safe on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// In 64 hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
}

impl FileStore {
    pub fn new(folder: PathBuf) -> Self {
        FileStore { folder }
    }

    /// Where the bytes with this hash lie: `ab/abcd…`.
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(&sha256[..2]).join(sha256)
    }

    /// Writes the bytes so that they outlive a power cut: to a temporary file, synced, renamed, the folder synced. Bytes
    /// that are there already are left as they are. It blocks on the disk.
    pub fn put(&self, bytes: &[u8]) -> Result<Stored> {
        let sha256 = secrets::sha256_hex(bytes);
        let path = self.path(&sha256);
        let stored = Stored { sha256, bytes: bytes.len() as u64 };
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == stored.bytes) {
            return Ok(stored);
        }
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        sync_folder(folder)?;
        sync_folder(&self.folder)?;
        Ok(stored)
    }

    pub fn read(&self, sha256: &str) -> Result<Vec<u8>> {
        Ok(fs::read(self.path(sha256))?)
    }

    pub fn exists(&self, sha256: &str) -> bool {
        self.path(sha256).exists()
    }

    pub(super) fn remove(&self, sha256: &str) -> io::Result<()> {
        match fs::remove_file(self.path(sha256)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot open a folder as a file, and keeps its entries safe by itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_once_under_their_hash() {
        let folder = tempfile::tempdir().unwrap();
        let files = FileStore::new(folder.path().join("files"));
        let stored = files.put(b"abc").unwrap();
        assert_eq!(stored.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(files.put(b"abc").unwrap(), stored);
        assert_eq!(files.read(&stored.sha256).unwrap(), b"abc");
        assert!(files.path(&stored.sha256).ends_with("ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        files.remove(&stored.sha256).unwrap();
        files.remove(&stored.sha256).unwrap();
        assert!(!files.exists(&stored.sha256));
    }
}
