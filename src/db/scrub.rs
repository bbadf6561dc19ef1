//! Overwrites what deleted rows have left behind in the file.
//!
//! `secure_delete` zeroes a row where it is deleted, and pages that are given back. But when SQLite shares rows out anew
//! between neighbouring pages (`balance` in its btree.c) it leaves a copy of what has moved in the unused middle of the page
//! that it came from. No statement reaches that copy, and any reader of the file finds it. So this walks through the pages and
//! zeroes that middle: a few pages at a time, so that nobody's write waits for it.

use super::{Db, Tx};
use crate::error::Result;

/// How many pages are looked at in one go, and at most rewritten in one transaction: 1 MiB.
const CHUNK: u32 = 256;

/// Zeroes the unused middle of every b-tree page and empties the write-ahead log; says how many pages had to be rewritten.
pub async fn scrub(db: &Db) -> Result<usize> {
    let mut rewritten = 0;
    let mut from = 1;
    loop {
        let (pages, soiled) = db.read_slowly(move |connection| look(connection, from)).await?;
        if !soiled.is_empty() {
            rewritten += db.write(move |tx| zero(tx, &soiled)).await?;
        }
        from += CHUNK;
        if from > pages {
            break;
        }
    }
    db.checkpoint().await?;
    Ok(rewritten)
}

/// How many pages there are, and which of the chunk's have something in their unused middle.
fn look(connection: &rusqlite::Connection, from: u32) -> Result<(u32, Vec<u32>)> {
    let pages: u32 = connection.query_row("pragma page_count", [], |row| row.get(0))?;
    let mut soiled = Vec::new();
    for number in from..=(from + CHUNK - 1).min(pages) {
        let page = read(connection, number)?;
        if unused(number, &page).is_some_and(|middle| page[middle].iter().any(|byte| *byte != 0)) {
            soiled.push(number);
        }
    }
    Ok((pages, soiled))
}

/// Zeroes these pages' unused middles, as they are by now.
fn zero(tx: &Tx<'_>, numbers: &[u32]) -> Result<usize> {
    let mut rewritten = 0;
    for &number in numbers {
        let mut page = read(tx, number)?;
        let Some(middle) = unused(number, &page) else { continue };
        page[middle].fill(0);
        rewritten += tx.prepare_cached("update sqlite_dbpage set data = ?2 where pgno = ?1")?.execute((number, page))?;
    }
    Ok(rewritten)
}

fn read(connection: &rusqlite::Connection, number: u32) -> Result<Vec<u8>> {
    // A file that has become shorter meanwhile has no such page: nothing is soiled in it.
    use rusqlite::OptionalExtension;
    let page = connection.prepare_cached("select data from sqlite_dbpage where pgno = ?1")?.query_row([number], |row| row.get(0)).optional()?;
    Ok(page.unwrap_or_default())
}

/// Where a b-tree page has its unused middle, between the cells' addresses and the cells (sqlite.org/fileformat2.html, 1.6).
/// None for a page of another kind: those begin with the number of the next page, whose first byte is 0 below 64 GiB.
fn unused(number: u32, page: &[u8]) -> Option<std::ops::Range<usize>> {
    // The file's own header stands before the first page's.
    let start = if number == 1 { 100 } else { 0 };
    let header = match page.get(start)? {
        0x02 | 0x05 => 12,
        0x0a | 0x0d => 8,
        _ => return None,
    };
    let word = |at: usize| Some(usize::from(u16::from_be_bytes([*page.get(at)?, *page.get(at + 1)?])));
    let addresses = start + header + 2 * word(start + 3)?;
    let cells = match word(start + 5)? {
        0 => 65_536,
        cells => cells,
    };
    (addresses <= cells && cells <= page.len()).then_some(addresses..cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    /// Rows of many sizes that come between each other, so that pages are filled, split and shared out anew.
    #[tokio::test]
    async fn nothing_of_a_deleted_row_is_left_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scrubbed.db");
        let db = Db::open(&path, 1, &Clock::system()).unwrap();
        db.write_now(|tx| {
            tx.execute_batch("create table scrubbed (key text primary key, value text) strict, without rowid")?;
            for number in 0..2_000_u32 {
                let word = if number % 7 == 0 { "narwhal" } else { "common" };
                let key = number.wrapping_mul(2_654_435_761);
                tx.execute("insert into scrubbed values (?1, ?2)", (format!("{key:08x}"), format!("{word} {number} ").repeat(1 + number as usize % 60)))?;
            }
            Ok(())
        })
        .unwrap();
        db.write_now(|tx| Ok(tx.execute("delete from scrubbed where value like 'narwhal%'", [])?)).unwrap();
        db.checkpoint().await.unwrap();
        let narwhals = || std::fs::read(&path).unwrap().windows(7).filter(|window| window == b"narwhal").count();
        assert!(narwhals() > 0, "without it, copies are left");
        assert!(scrub(&db).await.unwrap() > 0);
        assert_eq!(narwhals(), 0);
        assert_eq!(scrub(&db).await.unwrap(), 0, "a clean file is left alone");
        db.read(|connection| {
            assert_eq!(connection.query_row("pragma integrity_check", [], |row| row.get::<_, String>(0))?, "ok");
            assert_eq!(connection.query_row("select count(*) from scrubbed where value like 'common%'", [], |row| row.get::<_, i64>(0))?, 1714);
            Ok(())
        })
        .unwrap();
    }
}
