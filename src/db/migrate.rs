//! Migrations: numbered, forward only, each in a transaction, checked against what was applied.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::{
    clock::Clock,
    error::{Error, Result},
    secrets::sha256_hex,
};

pub struct Migration {
    pub version: i64,
    pub name: &'static str,
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal),* $(,)?) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../migrations/", $name, ".sql")),
        }),*]
    };
}

/// All of them, oldest first. The file's name is its number and what it brings.
pub const MIGRATIONS: &[Migration] = migrations![
    1 "0001_people",
    2 "0002_assistants",
    3 "0003_knowledge",
    4 "0004_conversations",
    5 "0005_people_more",
    6 "0006_providers",
    7 "0007_sources",
    8 "0008_tools",
    9 "0009_events",
    10 "0010_inbox",
    11 "0011_contacts",
    12 "0012_tickets",
    13 "0013_webhooks",
    14 "0014_sms",
    15 "0015_following_up",
    16 "0016_embedding_models",
    18 "0018_signing_up",
    19 "0019_told_and_seen",
    20 "0020_vector_counts",
    21 "0021_cut",
];

/// What `apply` would do to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub current: i64,
    pub pending: Vec<&'static str>,
}

impl Plan {
    pub fn of(connection: &Connection) -> Result<Self> {
        let table: Option<i64> = connection
            .query_row("select 1 from sqlite_schema where type = 'table' and name = 'migrations'", [], |row| row.get(0))
            .optional()?;
        let mut current = 0;
        if table.is_some() {
            let mut statement = connection.prepare("select version, checksum from migrations order by version")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (version, checksum): (i64, String) = (row.get(0)?, row.get(1)?);
                check(version, &checksum)?;
                current = version;
            }
        } else if connection.query_row("select count(*) from sqlite_schema", [], |row| row.get::<_, i64>(0))? > 0 {
            return Err(Error::conflict("This SQLite file was not made by IllumiChat. Choose another data folder with `--data-dir`."));
        }
        Ok(Plan { current, pending: MIGRATIONS.iter().filter(|migration| migration.version > current).map(|migration| migration.name).collect() })
    }
}

fn check(version: i64, checksum: &str) -> Result<()> {
    let Some(migration) = MIGRATIONS.iter().find(|migration| migration.version == version) else {
        return Err(Error::conflict(format!(
            "This database is at version {version}, which is newer than this program knows ({}). Start it with the newer program, or restore a backup made before the upgrade.",
            MIGRATIONS.last().map_or(0, |migration| migration.version)
        )));
    };
    if sha256_hex(migration.sql) != checksum {
        return Err(Error::conflict(format!(
            "The database was made with another form of migration {}. It belongs to another build of this program; start it with that one.",
            migration.name
        )));
    }
    Ok(())
}

pub(super) fn apply(connection: &mut Connection, path: &Path, clock: &Clock) -> Result<()> {
    let plan = Plan::of(connection)?;
    if plan.pending.is_empty() {
        return Ok(());
    }
    if plan.current > 0 {
        back_up(connection, path, plan.current, clock)?;
    }
    // A table that is made anew keeps its rows' children; what would be left without its parent is looked for instead.
    connection.pragma_update(None, "foreign_keys", false)?;
    for migration in MIGRATIONS {
        // Immediate, and looked at again inside: another process may have been quicker.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if migration.version > Plan::of(&transaction)?.current {
            transaction.execute_batch(migration.sql)?;
            transaction.execute(
                "insert into migrations (version, name, checksum, applied_at) values (?1, ?2, ?3, ?4)",
                (migration.version, migration.name, sha256_hex(migration.sql), clock.now()),
            )?;
        }
        let orphan: Option<String> = transaction.query_row("select \"table\" from pragma_foreign_key_check limit 1", [], |row| row.get(0)).optional()?;
        if let Some(table) = orphan {
            return Err(Error::internal(format!("migration {} would leave rows of {table} without their parent", migration.name)));
        }
        transaction.commit()?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// A consistent copy in `backups/` beside the database, before the first migration touches it.
fn back_up(connection: &Connection, path: &Path, version: i64, clock: &Clock) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(".")).join("backups");
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join(format!("before-migration-from-{version}-{}.db", clock.now().millis()));
    connection.execute("vacuum into ?1", [copy.to_string_lossy()])?;
    tracing::info!(copy = %copy.display(), "the database was copied before its migration");
    Ok(())
}

/// The schema as text, object by object, for the snapshot in the tests and for `doctor`.
pub fn schema(connection: &Connection) -> Result<String> {
    let mut statement = connection.prepare(
        "select sql from sqlite_schema where sql is not null and name not like 'sqlite_%' order by type = 'table' desc, tbl_name, name",
    )?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(rows.join(";\n\n"))
}
