//! The table `qa_pairs`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::{
    clock::Timestamp,
    db::{Tx, on_unique},
    error::{Error, Result},
    http::Paging,
    knowledge::model::QaPair,
};

const SELECT: &str = "select q.id, p.id, d.id, q.question, q.answer, q.alternatives, d.status, q.created_at, q.updated_at
    from qa_pairs q join projects p on p.row = q.project join documents d on d.row = q.document";

fn read(row: &Row<'_>) -> rusqlite::Result<QaPair> {
    Ok(QaPair {
        id: row.get(0)?,
        project_id: row.get(1)?,
        document_id: row.get(2)?,
        question: row.get(3)?,
        answer: row.get(4)?,
        alternatives: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
        status: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}

/// What makes two questions the same.
fn key(question: &str) -> String {
    question.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn is_taken() -> Error {
    Error::conflict("This project answers exactly this question already.").detail("question", "is there already")
}

/// `document` is the row of the document that stands for the pair.
pub fn insert_qa(tx: &Tx<'_>, workspace_id: &str, project: i64, document_id: &str, pair: &QaPair) -> Result<()> {
    tx.prepare_cached(
        "insert into qa_pairs (id, workspace_id, project, document, question, question_key, answer, alternatives, created_at, updated_at)
         values (:id, :ws, :project, (select row from documents where id = :document), :question, :key, :answer, :alternatives, :now, :now)",
    )?
    .execute(named_params! {
        ":id": pair.id, ":ws": workspace_id, ":project": project, ":document": document_id, ":question": pair.question, ":key": key(&pair.question),
        ":answer": pair.answer, ":alternatives": serde_json::to_string(&pair.alternatives)?, ":now": pair.created_at,
    })
    .map_err(on_unique("qa_pairs.question_key", is_taken))?;
    Ok(())
}

pub fn update_qa(tx: &Tx<'_>, workspace_id: &str, pair: &QaPair, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "update qa_pairs set question = :question, question_key = :key, answer = :answer, alternatives = :alternatives, updated_at = :now
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":ws": workspace_id, ":id": pair.id, ":question": pair.question, ":key": key(&pair.question), ":answer": pair.answer,
        ":alternatives": serde_json::to_string(&pair.alternatives)?, ":now": now,
    })
    .map_err(on_unique("qa_pairs.question_key", is_taken))?;
    Ok(())
}

pub fn find_qa(connection: &Connection, workspace_id: &str, project: i64, id: &str) -> Result<Option<QaPair>> {
    Ok(connection
        .prepare_cached(&format!("{SELECT} where q.workspace_id = ?1 and q.project = ?2 and q.id = ?3"))?
        .query_row((workspace_id, project, id), read)
        .optional()?)
}

pub fn find_qa_by_question(connection: &Connection, workspace_id: &str, project: i64, question: &str) -> Result<Option<QaPair>> {
    Ok(connection
        .prepare_cached(&format!("{SELECT} where q.workspace_id = ?1 and q.project = ?2 and q.question_key = ?3"))?
        .query_row((workspace_id, project, key(question)), read)
        .optional()?)
}

/// `q` is a part of the question or of the answer.
pub fn list_qa(connection: &Connection, workspace_id: &str, project: i64, q: Option<&str>, paging: Paging) -> Result<(Vec<QaPair>, i64)> {
    const WHERE: &str = "where q.workspace_id = :ws and q.project = :project
        and (:q is null or instr(q.question_key, :q) > 0 or instr(lower(q.answer), :q) > 0 or instr(lower(q.alternatives), :q) > 0)";
    let q = q.map(str::to_lowercase);
    let data = connection
        .prepare_cached(&format!("{SELECT} {WHERE} order by q.created_at desc, q.row desc limit :limit offset :offset"))?
        .query_map(named_params! { ":ws": workspace_id, ":project": project, ":q": q, ":limit": paging.limit, ":offset": paging.offset }, read)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached(&format!("select count(*) from qa_pairs q {WHERE}"))?
        .query_row(named_params! { ":ws": workspace_id, ":project": project, ":q": q }, |row| row.get(0))?;
    Ok((data, total))
}

/// What a pair's document is made of.
#[derive(Debug, Clone)]
pub struct QaPhrases {
    pub question: String,
    pub alternatives: Vec<String>,
    pub answer: String,
}

pub fn qa_phrases(connection: &Connection, document: i64) -> Result<Option<QaPhrases>> {
    Ok(connection
        .prepare_cached("select question, alternatives, answer from qa_pairs where document = ?1")?
        .query_row([document], |row| {
            Ok(QaPhrases { question: row.get(0)?, alternatives: serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default(), answer: row.get(2)? })
        })
        .optional()?)
}

/// Whether a document stands for a pair.
pub fn is_qa(connection: &Connection, document: i64) -> Result<bool> {
    Ok(connection.prepare_cached("select exists (select 1 from qa_pairs where document = ?1)")?.query_row([document], |row| row.get(0))?)
}

pub fn has_pairs(connection: &Connection) -> Result<bool> {
    Ok(connection.prepare_cached("select exists (select 1 from qa_pairs)")?.query_row([], |row| row.get(0))?)
}
