//! The table `embedding_models`: which models have made vectors of this database's text, and which of them questions are asked
//! with. The vectors themselves are `knowledge`'s.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::{db::Tx, error::Result};

use super::{ModelInfo, Scale};

/// What a model is to the vectors that it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Questions are asked with it.
    Serving,
    /// It is to serve once every text has its vector.
    Coming,
    /// Its vectors are being taken out.
    Going,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Serving => "serving",
            State::Coming => "coming",
            State::Going => "going",
        }
    }
}

/// A model with vectors here.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    pub row: i64,
    pub id: String,
    pub dimensions: i64,
    pub state: State,
    /// Whether its vectors are in the tables of the schema, and not in some of their own.
    pub base: bool,
    pub scale: Scale,
}

/// The length of the vectors that the schema's own tables take.
const BASE_DIMENSIONS: usize = 384;

fn read(row: &Row<'_>) -> rusqlite::Result<Registered> {
    let state: String = row.get(3)?;
    Ok(Registered {
        row: row.get(0)?,
        id: row.get(1)?,
        dimensions: row.get(2)?,
        state: [State::Serving, State::Coming].into_iter().find(|known| known.name() == state).unwrap_or(State::Going),
        base: row.get(4)?,
        scale: Scale { related: row.get::<_, f64>(5)? as f32, unrelated: row.get::<_, f64>(6)? as f32 },
    })
}

const SELECT: &str = "select row, id, dimensions, state, base, related, unrelated from embedding_models";

pub fn list(connection: &Connection) -> Result<Vec<Registered>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} order by row"))?;
    Ok(statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?)
}

pub fn by_row(connection: &Connection, row: i64) -> Result<Option<Registered>> {
    Ok(connection.prepare_cached(&format!("{SELECT} where row = ?1"))?.query_row([row], read).optional()?)
}

pub fn by_id(connection: &Connection, id: &str) -> Result<Option<Registered>> {
    Ok(connection.prepare_cached(&format!("{SELECT} where id = ?1"))?.query_row([id], read).optional()?)
}

pub fn by_state(connection: &Connection, state: State) -> Result<Option<Registered>> {
    Ok(connection.prepare_cached(&format!("{SELECT} where state = ?1"))?.query_row([state.name()], read).optional()?)
}

/// Writes a new model down, which has no vectors yet.
pub(crate) fn insert(tx: &Tx<'_>, info: &ModelInfo, state: State) -> Result<Registered> {
    Ok(tx
        .prepare_cached(
            "insert into embedding_models (id, dimensions, state, base, related, unrelated)
             values (:id, :dimensions, :state, :fits and not exists (select 1 from embedding_models where base = 1), :related, :unrelated)
             returning row, id, dimensions, state, base, related, unrelated",
        )?
        .query_row(
            named_params! {
                ":id": info.id, ":dimensions": i64::try_from(info.dimensions).unwrap_or(i64::MAX), ":state": state.name(), ":fits": info.dimensions == BASE_DIMENSIONS,
                ":related": f64::from(info.scale.related), ":unrelated": f64::from(info.scale.unrelated),
            },
            read,
        )?)
}

pub fn set_state(tx: &Tx<'_>, row: i64, state: State) -> Result<()> {
    tx.prepare_cached("update embedding_models set state = ?2 where row = ?1")?.execute((row, state.name()))?;
    Ok(())
}

pub fn delete(tx: &Tx<'_>, row: i64) -> Result<()> {
    tx.prepare_cached("delete from embedding_models where row = ?1")?.execute([row])?;
    Ok(())
}
