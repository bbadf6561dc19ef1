//! The tables `chunks`, `chunks_fts`, `pages_fts`, and the vectors of `vectors`, which always change together.

use rusqlite::{Connection, OptionalExtension, named_params};

use crate::{
    clock::Timestamp,
    db::Tx,
    error::Result,
    knowledge::{
        chunk::Chunk,
        model::{DocumentChunk, Hit, Signal},
        retrieve::FoundChunk,
    },
};

use super::vectors::{VectorSet, all_sets, delete_vector, find_set, put_vector};

/// Some chunks of a document with their vectors, in order.
pub struct Append<'a> {
    pub document: i64,
    pub project: i64,
    pub chunks: &'a [Chunk],
    /// The chunks' vectors of each model, by its row.
    pub vectors: &'a [(i64, Vec<Vec<f32>>)],
}

/// Adds chunks with their text, keyword and vector rows. It answers false, and adds nothing, where the document is gone or
/// does not stand at the first of these chunks any more: it was deleted, or is being read anew.
pub fn append_chunks(tx: &Tx<'_>, append: &Append<'_>, now: Timestamp) -> Result<bool> {
    let Some(first) = append.chunks.first() else { return Ok(true) };
    let added = i64::try_from(append.chunks.len()).unwrap_or(i64::MAX);
    let tokens: usize = append.chunks.iter().map(|chunk| chunk.tokens).sum();
    let changed = tx
        .prepare_cached(
            "update documents set chunk_count = chunk_count + :added, token_count = token_count + :tokens, updated_at = :now
             where row = :document and status = 'processing' and chunk_count = :first",
        )?
        .execute(named_params! {
            ":document": append.document, ":added": added, ":tokens": i64::try_from(tokens).unwrap_or(i64::MAX), ":now": now,
            ":first": i64::try_from(first.ordinal).unwrap_or(i64::MAX),
        })?;
    if changed == 0 {
        return Ok(false);
    }
    insert_chunks(tx, append)?;
    Ok(true)
}

fn insert_chunks(tx: &Tx<'_>, append: &Append<'_>) -> Result<()> {
    // A model may have gone meanwhile: what it made is of no use then.
    let mut sets: Vec<(VectorSet, &Vec<Vec<f32>>)> = Vec::new();
    for (model, vectors) in append.vectors {
        sets.extend(find_set(tx, *model)?.map(|set| (set, vectors)));
    }
    for (place, chunk) in append.chunks.iter().enumerate() {
        let row: i64 = tx
            .prepare_cached(
                "insert into chunks (project, document, ordinal, headings, header, body, first_character, end_character, page, tokens)
                 values (:project, :document, :ordinal, :headings, :header, :body, :start, :end, :page, :tokens) returning row",
            )?
            .query_row(
                named_params! {
                    ":project": append.project, ":document": append.document, ":ordinal": chunk.ordinal as i64,
                    ":headings": serde_json::to_string(&chunk.headings)?, ":header": chunk.header, ":body": chunk.text,
                    ":start": chunk.start as i64, ":end": chunk.end as i64, ":page": chunk.page, ":tokens": chunk.tokens as i64,
                },
                |row| row.get(0),
            )?;
        tx.prepare_cached("insert into chunks_fts (rowid, project, header, body) values (?1, ?2, ?3, ?4)")?
            .execute((row, append.project, &chunk.header, &chunk.text))?;
        for (set, vectors) in &sets {
            put_vector(tx, set, row, append.project, &vectors[place])?;
        }
    }
    Ok(())
}

/// Puts all chunks of a document that is read whole in place of those that it has.
pub fn replace_chunks(tx: &Tx<'_>, append: &Append<'_>) -> Result<()> {
    remove_chunks(tx, append.document, -SUPERSEDED..SUPERSEDED)?;
    let (count, tokens) = (append.chunks.len(), append.chunks.iter().map(|chunk| chunk.tokens).sum::<usize>());
    tx.prepare_cached("update documents set chunk_count = ?2, chunks_expected = ?2, token_count = ?3 where row = ?1")?
        .execute((append.document, i64::try_from(count).unwrap_or(i64::MAX), i64::try_from(tokens).unwrap_or(i64::MAX)))?;
    insert_chunks(tx, append)
}

/// Whether a document's chunks are these.
pub fn has_chunks(connection: &Connection, document: i64, chunks: &[Chunk]) -> Result<bool> {
    let mut statement = connection.prepare_cached("select header, body, first_character from chunks where document = ?1 and ordinal >= 0 order by ordinal")?;
    let mut rows = statement.query([document])?;
    for chunk in chunks {
        let Some(row) = rows.next()? else { return Ok(false) };
        let (header, body, start): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if header != chunk.header || body != chunk.text || start != chunk.start as i64 {
            return Ok(false);
        }
    }
    Ok(rows.next()?.is_none())
}

/// Takes out what has been read so far of a document that is being read; what it had before stays.
pub fn remove_read_chunks(tx: &Tx<'_>, document: i64) -> Result<()> {
    remove_chunks(tx, document, 0..SUPERSEDED)
}

/// The last step: the page as a whole becomes findable, and the document is completed.
pub fn finish_document(tx: &Tx<'_>, document: i64, project: i64, title: &str, text: &str, expected: usize, now: Timestamp) -> Result<bool> {
    let changed = tx
        .prepare_cached("update documents set status = 'completed', error = null, updated_at = ?3 where row = ?1 and status = 'processing' and chunk_count = ?2")?
        .execute((document, i64::try_from(expected).unwrap_or(i64::MAX), now))?;
    if changed > 0 {
        remove_chunks(tx, document, -SUPERSEDED..0)?;
        tx.prepare_cached("delete from pages_fts where rowid = ?1")?.execute([document])?;
        tx.prepare_cached("insert into pages_fts (rowid, project, header, body) values (?1, ?2, ?3, ?4)")?.execute((document, project, title, text))?;
    }
    Ok(changed > 0)
}

/// Chunks that others will take the place of stand this far below, in their order.
const SUPERSEDED: i64 = 1 << 40;

/// Leaves the chunks to be found until new ones are whole. Of a reading that was not finished nothing is kept beside older ones.
pub fn supersede_chunks(tx: &Tx<'_>, document: i64) -> Result<()> {
    let older: bool = tx.prepare_cached("select exists (select 1 from chunks where document = ?1 and ordinal < 0)")?.query_row([document], |row| row.get(0))?;
    if older {
        return remove_chunks(tx, document, 0..SUPERSEDED);
    }
    tx.prepare_cached("update chunks set ordinal = ordinal - ?2 where document = ?1")?.execute((document, SUPERSEDED))?;
    Ok(())
}

/// Takes out everything that was made of a document's text.
pub fn delete_chunks(tx: &Tx<'_>, document: i64) -> Result<()> {
    tx.prepare_cached("delete from pages_fts where rowid = ?1")?.execute([document])?;
    remove_chunks(tx, document, -SUPERSEDED..SUPERSEDED)
}

fn remove_chunks(tx: &Tx<'_>, document: i64, ordinals: std::ops::Range<i64>) -> Result<()> {
    let which = (document, ordinals.start, ordinals.end);
    // The keyword index does not keep the text; to forget it, it has to be told once more.
    tx.prepare_cached(
        "insert into chunks_fts (chunks_fts, rowid, project, header, body)
         select 'delete', row, project, header, body from chunks where document = ?1 and ordinal >= ?2 and ordinal < ?3",
    )?
    .execute(which)?;
    let mut rows = tx.prepare_cached("select row from chunks where document = ?1 and ordinal >= ?2 and ordinal < ?3")?;
    let rows = rows.query_map(which, |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    for set in all_sets(tx)? {
        for row in &rows {
            delete_vector(tx, &set, *row)?;
        }
    }
    tx.prepare_cached("delete from chunks where document = ?1 and ordinal >= ?2 and ordinal < ?3")?.execute(which)?;
    Ok(())
}

pub fn list_chunks(connection: &Connection, workspace_id: &str, document_id: &str, limit: i64, offset: i64) -> Result<(Vec<DocumentChunk>, i64)> {
    let document: Option<(i64, i64)> = connection
        .prepare_cached("select row, chunk_count from documents where workspace_id = ?1 and id = ?2")?
        .query_row((workspace_id, document_id), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((document, total)) = document else { return Ok((Vec::new(), 0)) };
    let data = connection
        .prepare_cached(
            "select ordinal, headings, body, first_character, end_character, page, tokens from chunks where document = ?1 and ordinal >= 0 order by ordinal limit ?2 offset ?3",
        )?
        .query_map((document, limit, offset), |row| {
            Ok(DocumentChunk {
                ordinal: row.get(0)?,
                headings: serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default(),
                text: row.get(2)?,
                start: row.get(3)?,
                end: row.get(4)?,
                page: row.get(5)?,
                tokens: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok((data, total))
}

/// The texts of chunks evenly spread over a project.
pub fn sample_chunks(connection: &Connection, project: i64, count: i64) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "select body from (
             select body, row_number() over (order by row) as place, count(*) over () as total from chunks where project = ?1)
         where place % max(total / ?2, 1) = 0 limit ?2",
    )?;
    Ok(statement.query_map((project, count), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// A found chunk with its text and its document.
pub fn show_chunk(connection: &Connection, found: &FoundChunk) -> Result<Option<Hit>> {
    let signal = |signal: Option<(usize, f64)>| signal.map(|(rank, score)| Signal { rank: i64::try_from(rank).unwrap_or(i64::MAX), score });
    Ok(connection
        .prepare_cached(
            "select documents.id, projects.id, documents.title, documents.url, ordinal & 0xffffffffff, headings, body, first_character, end_character, page
             from chunks join documents on documents.row = chunks.document join projects on projects.row = chunks.project where chunks.row = ?1",
        )?
        .query_row([found.chunk], |row| {
            Ok(Hit {
                document_id: row.get(0)?,
                project_id: row.get(1)?,
                title: row.get(2)?,
                url: row.get(3)?,
                ordinal: row.get(4)?,
                headings: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
                text: row.get(6)?,
                start: row.get(7)?,
                end: row.get(8)?,
                page: row.get(9)?,
                score: found.score,
                keyword: signal(found.keyword),
                vector: signal(found.vector),
                rerank: None,
            })
        })
        .optional()?)
}
