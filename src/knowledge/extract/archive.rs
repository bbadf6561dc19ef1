//! ZIP archives of hostile origin: what they expand to is limited before and while it is read, and nothing is written to
//! a disk, so that names in them can mean nothing.

use std::{
    collections::HashMap,
    io::{Cursor, Read},
};

use super::Unreadable;

/// Files in an archive at the most.
const MOST_ENTRIES: usize = 20_000;
/// What all files of an archive together may say they expand to, without the pictures and films, which are not read.
const MOST_EXPANDED: u64 = 512 << 20;
/// What is expanded of one archive at the most.
const MOST_READ: usize = 96 << 20;

pub(super) struct Archive<'a> {
    zip: zip::ZipArchive<Cursor<&'a [u8]>>,
    names: HashMap<String, usize>,
    left: usize,
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken())?;
        if zip.len() > MOST_ENTRIES {
            return Err(Unreadable(format!("There are {} files inside this one, more than the {MOST_ENTRIES} that are read.", zip.len())));
        }
        let (mut names, mut expanded) = (HashMap::new(), 0u64);
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(|_| broken())?;
            if entry.encrypted() {
                return Err(Unreadable("The file is protected by a password. Save it without one and send it again.".to_owned()));
            }
            let name = entry.name().map_err(|_| broken())?.trim_start_matches('/').to_owned();
            if !name.contains("/media/") && !name.starts_with("Pictures/") {
                expanded = expanded.saturating_add(entry.size());
            }
            names.insert(name, index);
        }
        if expanded > MOST_EXPANDED {
            return Err(too_large());
        }
        Ok(Archive { zip, names, left: MOST_READ })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        self.names.keys().any(|name| name.starts_with(prefix))
    }

    /// Sorted, as text.
    pub(super) fn names_with(&self, prefix: &str, suffix: &str) -> Vec<String> {
        let mut names: Vec<String> = self.names.keys().filter(|name| name.starts_with(prefix) && name.ends_with(suffix)).cloned().collect();
        names.sort_by(|a, b| a.len().cmp(&b.len()).then(a.cmp(b)));
        names
    }

    pub(super) fn bytes(&mut self, name: &str) -> Result<Vec<u8>, Unreadable> {
        let index = *self.names.get(name).ok_or_else(broken)?;
        let entry = self.zip.by_index(index).map_err(|_| broken())?;
        let mut bytes = Vec::new();
        entry.take(self.left as u64 + 1).read_to_end(&mut bytes).map_err(|_| broken())?;
        if bytes.len() > self.left {
            return Err(too_large());
        }
        self.left -= bytes.len();
        Ok(bytes)
    }

    /// The bytes as text, whatever marks and encoding it says it has.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Unreadable> {
        let bytes = self.bytes(name)?;
        Ok(match encoding_rs::Encoding::for_bom(&bytes) {
            Some((encoding, length)) => encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned(),
            None => String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        })
    }

    /// The text of a part that may be missing.
    pub(super) fn optional(&mut self, name: &str) -> Result<String, Unreadable> {
        if self.has(name) { self.text(name) } else { Ok(String::new()) }
    }
}

pub(super) fn broken() -> Unreadable {
    Unreadable("The file is damaged: a part of it is missing or cannot be unpacked. Save it anew and send it again.".to_owned())
}

fn too_large() -> Unreadable {
    Unreadable(format!("Unpacked, the file is larger than the {} MiB that are read. Split it into several documents.", MOST_READ >> 20))
}
