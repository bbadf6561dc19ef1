//! The tables `contacts`, `contact_notes` and `blocks`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::model::{BlockKind, Contact, ContactNote, ContactSource};
use crate::{access::model::email_key, clock::Timestamp, db::Tx, error::Result};

const CONTACT: &str = "c.id, c.name, c.email, c.phone, c.external_id, c.company, c.avatar_url, c.tags, c.attributes, c.source, c.verified,
    c.first_seen_at, c.last_seen_at, c.created_at, c.updated_at,
    (select count(*) from conversations v where v.workspace_id = c.workspace_id and v.contact_id = c.id),
    (select count(*) from tickets t where t.workspace_id = c.workspace_id and t.contact_id = c.id),
    exists (select 1 from blocks b where b.workspace_id = c.workspace_id
        and ((b.kind = 'contact' and b.value = c.id) or (b.kind = 'address' and b.value = c.email_key)
             or (b.kind = 'domain' and c.email_key is not null and b.value = substr(c.email_key, instr(c.email_key, '@') + 1))))";

fn contact(row: &Row<'_>) -> rusqlite::Result<Contact> {
    Ok(Contact {
        id: row.get(0)?,
        name: row.get(1)?,
        email: row.get(2)?,
        phone: row.get(3)?,
        external_id: row.get(4)?,
        company: row.get(5)?,
        avatar_url: row.get(6)?,
        tags: serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or_default(),
        attributes: serde_json::from_str(&row.get::<_, String>(8)?).unwrap_or_default(),
        source: row.get(9)?,
        verified: row.get(10)?,
        first_seen_at: row.get(11)?,
        last_seen_at: row.get(12)?,
        created_at: row.get(13)?,
        updated_at: row.get(14)?,
        conversation_count: row.get(15)?,
        ticket_count: row.get(16)?,
        blocked: row.get(17)?,
    })
}

fn find_where(connection: &Connection, workspace_id: &str, column: &str, value: &str) -> Result<Option<Contact>> {
    Ok(connection
        .prepare_cached(&format!("select {CONTACT} from contacts c where c.workspace_id = ?1 and c.{column} = ?2"))?
        .query_row((workspace_id, value), contact)
        .optional()?)
}

pub fn find_contact(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Contact>> {
    find_where(connection, workspace_id, "id", id)
}

pub fn find_by_email(connection: &Connection, workspace_id: &str, email: &str) -> Result<Option<Contact>> {
    find_where(connection, workspace_id, "email_key", &email_key(email))
}

/// By a number in the form of E.164.
pub fn find_by_phone(connection: &Connection, workspace_id: &str, phone: &str) -> Result<Option<Contact>> {
    find_where(connection, workspace_id, "phone", phone)
}

pub fn find_by_external_id(connection: &Connection, workspace_id: &str, external_id: &str) -> Result<Option<Contact>> {
    find_where(connection, workspace_id, "external_id", external_id)
}

/// What a list of contacts is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of a name, an email, a phone number or a company.
    pub q: Option<String>,
    pub tag: Option<String>,
    pub source: Option<ContactSource>,
}

/// The orders that a list can have; the first is the usual one.
pub const SORTS: [(&str, &str); 8] = [
    ("-createdAt", "c.created_at desc, c.row desc"),
    ("createdAt", "c.created_at, c.row"),
    ("name", "lower(coalesce(c.name, c.email, c.phone)), c.row"),
    ("-name", "lower(coalesce(c.name, c.email, c.phone)) desc, c.row desc"),
    ("-lastSeenAt", "c.last_seen_at desc nulls last, c.row desc"),
    ("lastSeenAt", "c.last_seen_at nulls last, c.row"),
    ("-updatedAt", "c.updated_at desc, c.row desc"),
    ("updatedAt", "c.updated_at, c.row"),
];

/// `order` is one of [`SORTS`]' second halves.
pub fn list_contacts(connection: &Connection, workspace_id: &str, filter: &Filter, order: &str, limit: i64, offset: i64) -> Result<(Vec<Contact>, i64)> {
    const SEEN: &str = "c.workspace_id = :ws
        and (:q is null or instr(lower(coalesce(c.name, '')), :q) > 0 or instr(coalesce(c.email_key, ''), :q) > 0
             or instr(lower(coalesce(c.company, '')), :q) > 0 or instr(lower(coalesce(c.external_id, '')), :q) > 0
             or (:digits is not null and instr(coalesce(c.phone, ''), :digits) > 0))
        and (:tag is null or exists (select 1 from json_each(c.tags) t where t.value = :tag))
        and (:source is null or c.source = :source)";
    let q = filter.q.as_deref().map(|q| q.trim().to_lowercase()).filter(|q| !q.is_empty());
    // A number is found however it was typed; a leading zero is not part of it.
    let digits = q.as_deref().filter(|q| q.chars().all(|c| c.is_ascii_digit() || " +-./()".contains(c))).map(|q| {
        let digits: String = q.chars().filter(char::is_ascii_digit).collect();
        digits.trim_start_matches('0').to_owned()
    });
    let digits = digits.filter(|digits| digits.len() >= 3);
    let rows = connection
        .prepare_cached(&format!("select {CONTACT} from contacts c where {SEEN} order by {order} limit :limit offset :offset"))?
        .query_map(
            named_params! { ":ws": workspace_id, ":q": q, ":digits": digits, ":tag": filter.tag, ":source": filter.source, ":limit": limit, ":offset": offset },
            contact,
        )?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached(&format!("select count(*) from contacts c where {SEEN}"))?
        .query_row(named_params! { ":ws": workspace_id, ":q": q, ":digits": digits, ":tag": filter.tag, ":source": filter.source }, |row| row.get(0))?;
    Ok((rows, total))
}

pub fn insert_contact(tx: &Tx<'_>, workspace_id: &str, contact: &Contact) -> Result<()> {
    tx.prepare_cached(
        "insert into contacts (id, workspace_id, name, email, email_key, phone, external_id, company, avatar_url, tags, attributes, source, verified,
             first_seen_at, last_seen_at, created_at, updated_at)
         values (:id, :ws, :name, :email, :email_key, :phone, :external_id, :company, :avatar_url, :tags, :attributes, :source, :verified,
             :first_seen_at, :last_seen_at, :created_at, :created_at)",
    )?
    .execute(named_params! {
        ":id": contact.id, ":ws": workspace_id, ":name": contact.name, ":email": contact.email, ":email_key": contact.email.as_deref().map(email_key),
        ":phone": contact.phone, ":external_id": contact.external_id, ":company": contact.company, ":avatar_url": contact.avatar_url,
        ":tags": serde_json::to_string(&contact.tags)?, ":attributes": serde_json::to_string(&contact.attributes)?, ":source": contact.source,
        ":verified": contact.verified, ":first_seen_at": contact.first_seen_at, ":last_seen_at": contact.last_seen_at, ":created_at": contact.created_at,
    })?;
    Ok(())
}

pub fn update_contact(tx: &Tx<'_>, workspace_id: &str, contact: &Contact) -> Result<()> {
    tx.prepare_cached(
        "update contacts set name = :name, email = :email, email_key = :email_key, phone = :phone, external_id = :external_id, company = :company,
             avatar_url = :avatar_url, tags = :tags, attributes = :attributes, verified = :verified, first_seen_at = :first_seen_at,
             last_seen_at = :last_seen_at, updated_at = :updated_at
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":id": contact.id, ":ws": workspace_id, ":name": contact.name, ":email": contact.email, ":email_key": contact.email.as_deref().map(email_key),
        ":phone": contact.phone, ":external_id": contact.external_id, ":company": contact.company, ":avatar_url": contact.avatar_url,
        ":tags": serde_json::to_string(&contact.tags)?, ":attributes": serde_json::to_string(&contact.attributes)?, ":verified": contact.verified,
        ":first_seen_at": contact.first_seen_at, ":last_seen_at": contact.last_seen_at, ":updated_at": contact.updated_at,
    })?;
    Ok(())
}

/// Notes that somebody was here; no event, because it happens with every message.
pub fn touch_contact(tx: &Tx<'_>, workspace_id: &str, id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update contacts set first_seen_at = coalesce(first_seen_at, ?3), last_seen_at = max(coalesce(last_seen_at, 0), ?3) where workspace_id = ?1 and id = ?2")?
        .execute((workspace_id, id, now))?;
    Ok(())
}

/// Notes and blocks go with it.
pub fn delete_contact(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from contacts where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

/// The tables whose rows belong to a contact, so that merging reaches what is made above as well.
pub fn tables_with_contacts(connection: &Connection) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "select m.name from sqlite_schema m where m.type = 'table'
           and exists (select 1 from pragma_table_info(m.name) p where p.name = 'contact_id')
           and exists (select 1 from pragma_table_info(m.name) p where p.name = 'workspace_id') order by m.name",
    )?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Gives one table's rows to another contact; `table` is one of `tables_with_contacts`. What the other has already stays.
pub fn move_rows(tx: &Tx<'_>, table: &str, workspace_id: &str, from: &str, to: &str) -> Result<usize> {
    Ok(tx.prepare_cached(&format!("update or ignore \"{table}\" set contact_id = ?3 where workspace_id = ?1 and contact_id = ?2"))?.execute((workspace_id, from, to))?)
}

pub fn insert_note(tx: &Tx<'_>, workspace_id: &str, contact_id: &str, note: &ContactNote) -> Result<()> {
    tx.prepare_cached("insert into contact_notes (id, workspace_id, contact_id, author_id, author, body, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute((&note.id, workspace_id, contact_id, &note.author_id, &note.author, &note.body, note.created_at))?;
    Ok(())
}

pub fn list_notes(connection: &Connection, workspace_id: &str, contact_id: &str, limit: i64, offset: i64) -> Result<(Vec<ContactNote>, i64)> {
    let rows = connection
        .prepare_cached(
            "select id, author_id, author, body, created_at from contact_notes where workspace_id = ?1 and contact_id = ?2
             order by created_at desc, row desc limit ?3 offset ?4",
        )?
        .query_map((workspace_id, contact_id, limit, offset), |row| {
            Ok(ContactNote { id: row.get(0)?, author_id: row.get(1)?, author: row.get(2)?, body: row.get(3)?, created_at: row.get(4)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from contact_notes where workspace_id = ?1 and contact_id = ?2")?
        .query_row((workspace_id, contact_id), |row| row.get(0))?;
    Ok((rows, total))
}

pub fn delete_note(tx: &Tx<'_>, workspace_id: &str, contact_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from contact_notes where workspace_id = ?1 and contact_id = ?2 and id = ?3")?.execute((workspace_id, contact_id, id))? > 0)
}

pub fn insert_block(tx: &Tx<'_>, workspace_id: &str, contact_id: &str, kind: BlockKind, value: &str, by: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into blocks (workspace_id, contact_id, kind, value, created_by, created_at) values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing",
    )?
    .execute((workspace_id, contact_id, kind, value, by, now))?;
    Ok(())
}

/// Lifts whatever keeps this contact out, wherever it was set.
pub fn delete_blocks(tx: &Tx<'_>, workspace_id: &str, contact_id: &str, email: Option<&str>) -> Result<()> {
    let email = email.map(email_key);
    tx.prepare_cached(
        "delete from blocks where workspace_id = ?1 and (contact_id = ?2 or (kind = 'address' and value = ?3)
             or (kind = 'domain' and value = substr(?3, instr(?3, '@') + 1)))",
    )?
    .execute((workspace_id, contact_id, email))?;
    Ok(())
}

pub fn is_blocked(connection: &Connection, workspace_id: &str, contact_id: Option<&str>, email: Option<&str>) -> Result<bool> {
    let email = email.map(email_key);
    Ok(connection
        .prepare_cached(
            "select exists (select 1 from blocks where workspace_id = ?1 and ((kind = 'contact' and value = ?2) or (kind = 'address' and value = ?3)
                 or (kind = 'domain' and value = substr(?3, instr(?3, '@') + 1))))",
        )?
        .query_row((workspace_id, contact_id, email), |row| row.get(0))?)
}
