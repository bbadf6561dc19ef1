//! The database as its migrations make it, and what is promised about opening one.

use std::time::Duration;

use illumichat::{
    clock::{Clock, Timestamp},
    db::{self, Db, MIGRATIONS},
};
use rusqlite::Connection;

fn open(folder: &tempfile::TempDir) -> illumichat::error::Result<Db> {
    Db::open(&folder.path().join("test.db"), 2, &Clock::held(Timestamp::from_millis(1_700_000_000_000)))
}

#[test]
fn the_schema_is_the_one_that_was_reviewed() {
    let folder = tempfile::tempdir().unwrap();
    let schema = open(&folder).unwrap().read(db::schema).unwrap();
    insta::assert_snapshot!(schema);
}

#[test]
fn sqlite_is_a_version_without_the_wal_reset_bug() {
    let numbers: Vec<u32> = db::sqlite_version().split('.').map(|part| part.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "{}", db::sqlite_version());
}

#[test]
fn every_table_is_strict_and_has_its_own_integer_key() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).unwrap();
    let tables: Vec<(String, bool)> = db
        .read(|connection| {
            let mut statement = connection.prepare("select name, strict from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite_%' and name not glob 'vectors_*_*'")?;
            Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
        })
        .unwrap();
    assert!(tables.len() > 5);
    for (table, strict) in tables {
        assert!(strict, "{table} is not strict");
        let key: i64 = db
            .read(|connection| Ok(connection.query_row("select count(*) from pragma_table_info(?1) where pk = 1 and type = 'INTEGER'", [&table], |row| row.get(0))?))
            .unwrap();
        assert_eq!(key, 1, "{table} has no integer primary key");
    }
}

#[test]
fn opening_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder).unwrap().read(db::schema).unwrap();
    assert_eq!(open(&folder).unwrap().read(db::schema).unwrap(), first);
    assert!(!folder.path().join("backups").exists());
}

#[test]
fn a_database_from_a_newer_version_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
    let connection = Connection::open(folder.path().join("test.db")).unwrap();
    connection.execute("insert into migrations (version, name, checksum, applied_at) values (9999, 'future', 'x', 0)", []).unwrap();
    drop(connection);
    let error = open(&folder).err().unwrap();
    assert!(error.message().contains("newer than this program"), "{error}");
}

#[test]
fn a_migration_that_was_changed_afterwards_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
    let connection = Connection::open(folder.path().join("test.db")).unwrap();
    connection.execute("update migrations set checksum = 'other' where version = 1", []).unwrap();
    drop(connection);
    assert!(open(&folder).err().unwrap().message().contains(MIGRATIONS[0].name));
}

#[test]
fn a_foreign_sqlite_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Connection::open(folder.path().join("test.db")).unwrap().execute_batch("create table theirs (a)").unwrap();
    assert!(open(&folder).err().unwrap().message().contains("was not made by IllumiChat"));
}

#[tokio::test]
async fn a_failed_write_undoes_itself_and_not_its_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).unwrap();
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..100 {
        let db = db.clone();
        writes.spawn(async move {
            db.write(move |tx| {
                tx.execute("insert into instance (name, value) values (?1, 'x')", [format!("n{number}")])?;
                assert_ne!(number % 10, 3, "a panic inside a write");
                if number % 10 == 7 {
                    return Err(illumichat::error::Error::bad_request("no"));
                }
                Ok(number)
            })
            .await
            .is_ok()
        });
    }
    let done = tokio::time::timeout(Duration::from_secs(20), writes.join_all()).await.unwrap();
    assert_eq!(done.iter().filter(|ok| **ok).count(), 80);
    let stored: i64 = db.read(|connection| Ok(connection.query_row("select count(*) from instance where name like 'n%'", [], |row| row.get(0))?)).unwrap();
    assert_eq!(stored, 80);
}

#[test]
fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).unwrap();
    assert!(db.read(|connection| Ok(connection.execute("delete from instance", [])?)).is_err());
}
