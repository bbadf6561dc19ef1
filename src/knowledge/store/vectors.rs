//! The vectors of each model: `vectors` and `vectors_coarse`, and the same pair of tables for every model after the first.

use rusqlite::{Connection, OptionalExtension};

use crate::{
    db::Tx,
    embed::{
        ModelInfo, Scale,
        codes::Counts,
        registry::{self, Registered, State},
    },
    error::Result,
    knowledge::scan::to_blob,
};

/// Where a model's vectors are, and how their cosines are to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSet {
    pub model: i64,
    pub scale: Scale,
    /// The exact vectors' table, and that of one bit a dimension.
    pub exact: String,
    pub coarse: String,
    base: bool,
}

impl VectorSet {
    pub fn of(model: &Registered) -> VectorSet {
        let suffix = if model.base { String::new() } else { format!("_{}", model.row) };
        VectorSet { model: model.row, scale: model.scale, exact: format!("vectors{suffix}"), coarse: format!("vectors_coarse{suffix}"), base: model.base }
    }
}

/// The row of the model with this id, where it is known.
pub fn model_row(connection: &Connection, id: &str) -> Result<Option<i64>> {
    Ok(connection.prepare_cached("select row from embedding_models where id = ?1")?.query_row([id], |row| row.get(0)).optional()?)
}

/// The vectors of the model in this row; none where it has made none.
pub fn find_set(connection: &Connection, model: i64) -> Result<Option<VectorSet>> {
    Ok(registry::by_row(connection, model)?.as_ref().map(VectorSet::of))
}

/// The vectors of every model.
pub fn all_sets(connection: &Connection) -> Result<Vec<VectorSet>> {
    Ok(registry::list(connection)?.iter().map(VectorSet::of).collect())
}

/// The model's row, with its tables made. A model that nobody knew yet is the serving one where there is none, else a coming one.
pub fn register_model(tx: &Tx<'_>, info: &ModelInfo) -> Result<Registered> {
    if let Some(known) = registry::by_id(tx, &info.id)? {
        return Ok(known);
    }
    let state = match (registry::by_state(tx, State::Serving)?, registry::by_state(tx, State::Coming)?) {
        (None, _) => State::Serving,
        (Some(_), None) => State::Coming,
        (Some(_), Some(_)) => State::Going,
    };
    let model = registry::insert(tx, info, state)?;
    let VectorSet { exact, coarse, base, .. } = VectorSet::of(&model);
    if !base {
        tx.execute_batch(&format!(
            "create table {exact} (
                 row integer primary key references chunks (row),
                 project integer not null references projects (row),
                 model integer not null references embedding_models (row),
                 embedding blob not null
             ) strict;
             create index {exact}_by_project on {exact} (project, row);
             create virtual table {coarse} using vec0 (project integer partition key, embedding bit[{}]);",
            model.dimensions
        ))?;
    }
    Ok(model)
}

/// Writes a chunk's vector down, in place of what an earlier model may have left there.
pub fn put_vector(tx: &Tx<'_>, set: &VectorSet, chunk: i64, project: i64, vector: &[f32]) -> Result<()> {
    let VectorSet { exact, coarse, model, .. } = set;
    let blob = to_blob(vector);
    let known: bool = tx.prepare_cached(&format!("select exists (select 1 from {exact} where row = ?1)"))?.query_row([chunk], |row| row.get(0))?;
    if known {
        delete_vector(tx, set, chunk)?;
    }
    tx.prepare_cached(&format!("insert into {coarse} (rowid, project, embedding) values (?1, ?2, vec_quantize_binary(?3))"))?.execute((chunk, project, &blob))?;
    tx.prepare_cached(&format!("insert into {exact} (row, project, model, embedding) values (?1, ?2, ?3, ?4)"))?.execute((chunk, project, model, &blob))?;
    tx.prepare_cached("insert into vector_counts (model, project, put) values (?1, ?2, 1) on conflict (model, project) do update set put = put + 1")?
        .execute((model, project))?;
    Ok(())
}

pub fn delete_vector(tx: &Tx<'_>, set: &VectorSet, chunk: i64) -> Result<()> {
    tx.prepare_cached(&format!(
        "update vector_counts set taken = taken + 1 where model = ?2 and project = (select project from {} where row = ?1)",
        set.exact
    ))?
    .execute((chunk, set.model))?;
    tx.prepare_cached(&format!("delete from {} where rowid = ?1", set.coarse))?.execute([chunk])?;
    tx.prepare_cached(&format!("delete from {} where row = ?1", set.exact))?.execute([chunk])?;
    Ok(())
}

pub fn vector_counts(connection: &Connection, model: i64, project: i64) -> Result<Counts> {
    let counts = connection
        .prepare_cached("select put, taken from vector_counts where model = ?1 and project = ?2")?
        .query_row((model, project), |row| Ok(Counts { put: unsigned(row.get(0)?), taken: unsigned(row.get(1)?) }))
        .optional()?;
    Ok(counts.unwrap_or_default())
}

/// How many vectors of a model there are, which is how many chunks there are once it serves.
pub fn count_vectors(connection: &Connection, model: i64) -> Result<u64> {
    let count = connection.prepare_cached("select coalesce(sum(put - taken), 0) from vector_counts where model = ?1")?.query_row([model], |row| row.get(0))?;
    Ok(unsigned(count))
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// Hands out a project's vectors with later rows than `after`, in the order of their rows.
pub fn each_vector_after(connection: &Connection, set: &VectorSet, project: i64, after: i64, take: &mut dyn FnMut(i64, &[u8])) -> Result<()> {
    let mut statement =
        connection.prepare_cached(&format!("select row, embedding from {} where project = ?1 and row > ?2 and model = ?3 order by row", set.exact))?;
    let mut rows = statement.query((project, after, set.model))?;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, row.get_ref(1)?.as_blob().unwrap_or_default());
    }
    Ok(())
}

/// A chunk that has no vector of a model.
#[derive(Debug, Clone)]
pub struct Unembedded {
    pub row: i64,
    pub document: i64,
    pub ordinal: i64,
    pub header: String,
    pub body: String,
}

/// The next chunks after `after` that this model has no vector of.
pub fn without_vector(connection: &Connection, set: &VectorSet, after: i64, limit: usize) -> Result<Vec<Unembedded>> {
    let mut statement = connection.prepare_cached(&format!(
        "select row, document, ordinal & 0xffffffffff, header, body from chunks
         where row > ?1 and not exists (select 1 from {} v where v.row = chunks.row and v.model = ?2) order by row limit ?3",
        set.exact
    ))?;
    let found = statement.query_map((after, set.model, i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
        Ok(Unembedded { row: row.get(0)?, document: row.get(1)?, ordinal: row.get(2)?, header: row.get(3)?, body: row.get(4)? })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The project of a chunk that is still there.
pub fn project_of_chunk(connection: &Connection, chunk: i64) -> Result<Option<i64>> {
    Ok(connection.prepare_cached("select project from chunks where row = ?1")?.query_row([chunk], |row| row.get(0)).optional()?)
}

/// How many chunks there are, and how many of them have this model's vector.
pub fn progress(connection: &Connection, set: &VectorSet) -> Result<(i64, i64)> {
    let chunks = connection.prepare_cached("select count(*) from chunks")?.query_row([], |row| row.get(0))?;
    let done = connection.prepare_cached(&format!("select count(*) from {} where model = ?1", set.exact))?.query_row([set.model], |row| row.get(0))?;
    Ok((chunks, done))
}

/// Takes out some of a model's vectors, and after the last ones its tables and its row. It answers whether that was all.
pub fn take_out(tx: &Tx<'_>, set: &VectorSet, limit: usize) -> Result<bool> {
    let rows: Vec<i64> = {
        let mut statement = tx.prepare_cached(&format!("select row from {} where model = ?1 limit ?2", set.exact))?;
        statement.query_map((set.model, i64::try_from(limit).unwrap_or(i64::MAX)), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
    };
    for row in &rows {
        delete_vector(tx, set, *row)?;
    }
    if rows.len() == limit {
        return Ok(false);
    }
    if !set.base {
        tx.execute_batch(&format!("drop table {}; drop table {};", set.coarse, set.exact))?;
    }
    registry::delete(tx, set.model)?;
    Ok(true)
}

/// Every project, to be measured with another model.
pub fn every_project(connection: &Connection) -> Result<Vec<(String, i64)>> {
    let mut statement = connection.prepare_cached("select workspace_id, row from projects order by row")?;
    Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}
