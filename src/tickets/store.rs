//! The tables `tickets`, `ticket_numbers`, `ticket_comments` and `ticket_changes`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::Value;

use super::model::{Priority, Target, Ticket, TicketChange, TicketComment, TicketStatus};
use crate::{db::Tx, error::Result};

const TICKET: &str = "t.id, t.number, t.subject, t.description, t.status, t.priority, t.contact_id, t.conversation_id, t.assignee_id, t.assistant_id,
    t.tags, t.source, t.first_response_due_at, t.resolution_due_at, t.first_response_at, t.resolved_at, t.first_response_breached,
    t.resolution_breached, t.created_at, t.updated_at,
    (select coalesce(c.name, c.email, c.phone) from contacts c where c.workspace_id = t.workspace_id and c.id = t.contact_id)";

fn ticket(row: &Row<'_>) -> rusqlite::Result<Ticket> {
    let (first, whole): (bool, bool) = (row.get(16)?, row.get(17)?);
    let mut ticket = Ticket {
        id: row.get(0)?,
        number: row.get(1)?,
        subject: row.get(2)?,
        description: row.get(3)?,
        status: row.get(4)?,
        priority: row.get(5)?,
        contact_id: row.get(6)?,
        contact_name: row.get(20)?,
        conversation_id: row.get(7)?,
        assignee_id: row.get(8)?,
        assistant_id: row.get(9)?,
        tags: serde_json::from_str(&row.get::<_, String>(10)?).unwrap_or_default(),
        source: row.get(11)?,
        due_at: None,
        breaches: [(first, Target::FirstResponse), (whole, Target::Resolution)].into_iter().filter_map(|(missed, target)| missed.then_some(target)).collect(),
        first_response_due_at: row.get(12)?,
        resolution_due_at: row.get(13)?,
        first_response_at: row.get(14)?,
        resolved_at: row.get(15)?,
        created_at: row.get(18)?,
        updated_at: row.get(19)?,
    };
    ticket.set_due();
    Ok(ticket)
}

pub fn find_ticket(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Ticket>> {
    Ok(connection
        .prepare_cached(&format!("select {TICKET} from tickets t where t.workspace_id = ?1 and t.id = ?2"))?
        .query_row((workspace_id, id), ticket)
        .optional()?)
}

/// The tickets that were made of a conversation, the oldest first.
pub fn find_by_conversation(connection: &Connection, workspace_id: &str, conversation_id: &str) -> Result<Vec<Ticket>> {
    let mut statement = connection.prepare_cached(&format!("select {TICKET} from tickets t where t.workspace_id = ?1 and t.conversation_id = ?2 order by t.row"))?;
    Ok(statement.query_map((workspace_id, conversation_id), ticket)?.collect::<rusqlite::Result<_>>()?)
}

/// Whether a ticket of this conversation waits for the customer.
pub fn is_awaited(connection: &Connection, workspace_id: &str, conversation_id: &str) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from tickets where workspace_id = ?1 and conversation_id = ?2 and status = ?3)")?
        .query_row((workspace_id, conversation_id, TicketStatus::WaitingOnCustomer), |row| row.get(0))?)
}

/// A contact's tickets, the newest first.
pub fn find_by_contact(connection: &Connection, workspace_id: &str, contact_id: &str) -> Result<Vec<Ticket>> {
    let mut statement = connection.prepare_cached(&format!("select {TICKET} from tickets t where t.workspace_id = ?1 and t.contact_id = ?2 order by t.row desc"))?;
    Ok(statement.query_map((workspace_id, contact_id), ticket)?.collect::<rusqlite::Result<_>>()?)
}

/// What a list of tickets is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Without any, all but spam.
    pub statuses: Vec<TicketStatus>,
    pub priorities: Vec<Priority>,
    /// Somebody's id; an empty text for nobody's.
    pub assignee_id: Option<String>,
    pub contact_id: Option<String>,
    pub conversation_id: Option<String>,
    /// Words of subject or description, or a number.
    pub q: Option<String>,
}

pub const SORTS: [(&str, &str); 8] = [
    ("-createdAt", "t.created_at desc, t.row desc"),
    ("createdAt", "t.created_at, t.row"),
    ("-updatedAt", "t.updated_at desc, t.row desc"),
    ("updatedAt", "t.updated_at, t.row"),
    ("number", "t.number"),
    ("-number", "t.number desc"),
    ("priority", "case t.priority when 'critical' then 0 when 'high' then 1 when 'normal' then 2 else 3 end, t.row"),
    (
        "dueAt",
        "case when t.status in ('resolved', 'closed', 'spam') then null
              when t.first_response_at is null then min(coalesce(t.first_response_due_at, t.resolution_due_at), coalesce(t.resolution_due_at, t.first_response_due_at))
              else t.resolution_due_at end nulls last, t.row",
    ),
];

/// `order` is one of [`SORTS`]' second halves.
pub fn list_tickets(connection: &Connection, workspace_id: &str, filter: &Filter, order: &str, limit: i64, offset: i64) -> Result<(Vec<Ticket>, i64)> {
    const SEEN: &str = "t.workspace_id = :ws
        and (case when :statuses = '[]' then t.status <> 'spam' else t.status in (select value from json_each(:statuses)) end)
        and (:priorities = '[]' or t.priority in (select value from json_each(:priorities)))
        and (:assignee_id is null or coalesce(t.assignee_id, '') = :assignee_id)
        and (:contact_id is null or t.contact_id = :contact_id) and (:conversation_id is null or t.conversation_id = :conversation_id)
        and (:q is null or instr(lower(t.subject), :q) > 0 or instr(lower(t.description), :q) > 0 or t.number = :number)";
    let statuses = serde_json::to_string(&filter.statuses)?;
    let priorities = serde_json::to_string(&filter.priorities)?;
    let q = filter.q.as_deref().map(|q| q.trim().to_lowercase()).filter(|q| !q.is_empty());
    let number: Option<i64> = q.as_deref().and_then(|q| q.trim_start_matches('#').parse().ok());
    let rows = connection
        .prepare_cached(&format!("select {TICKET} from tickets t where {SEEN} order by {order} limit :limit offset :offset"))?
        .query_map(
            named_params! {
                ":ws": workspace_id, ":statuses": statuses, ":priorities": priorities, ":assignee_id": filter.assignee_id, ":contact_id": filter.contact_id,
                ":conversation_id": filter.conversation_id, ":q": q, ":number": number, ":limit": limit, ":offset": offset,
            },
            ticket,
        )?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached(&format!("select count(*) from tickets t where {SEEN}"))?.query_row(
        named_params! {
            ":ws": workspace_id, ":statuses": statuses, ":priorities": priorities, ":assignee_id": filter.assignee_id, ":contact_id": filter.contact_id,
            ":conversation_id": filter.conversation_id, ":q": q, ":number": number,
        },
        |row| row.get(0),
    )?;
    Ok((rows, total))
}

/// The workspace's next number. Taken in the transaction that makes the ticket, so that one that fails takes none.
pub fn next_number(tx: &Tx<'_>, workspace_id: &str) -> Result<i64> {
    Ok(tx
        .prepare_cached("insert into ticket_numbers (workspace_id, last) values (?1, 1) on conflict (workspace_id) do update set last = last + 1 returning last")?
        .query_row([workspace_id], |row| row.get(0))?)
}

pub fn insert_ticket(tx: &Tx<'_>, workspace_id: &str, ticket: &Ticket) -> Result<()> {
    tx.prepare_cached(
        "insert into tickets (id, workspace_id, number, subject, description, status, priority, contact_id, conversation_id, assignee_id, assistant_id,
             tags, source, first_response_due_at, resolution_due_at, first_response_at, resolved_at, first_response_breached, resolution_breached,
             created_at, updated_at)
         values (:id, :ws, :number, :subject, :description, :status, :priority, :contact_id, :conversation_id, :assignee_id, :assistant_id,
             :tags, :source, :first_response_due_at, :resolution_due_at, :first_response_at, :resolved_at, 0, 0, :created_at, :created_at)",
    )?
    .execute(named_params! {
        ":id": ticket.id, ":ws": workspace_id, ":number": ticket.number, ":subject": ticket.subject, ":description": ticket.description,
        ":status": ticket.status, ":priority": ticket.priority, ":contact_id": ticket.contact_id, ":conversation_id": ticket.conversation_id,
        ":assignee_id": ticket.assignee_id, ":assistant_id": ticket.assistant_id, ":tags": serde_json::to_string(&ticket.tags)?, ":source": ticket.source,
        ":first_response_due_at": ticket.first_response_due_at, ":resolution_due_at": ticket.resolution_due_at,
        ":first_response_at": ticket.first_response_at, ":resolved_at": ticket.resolved_at, ":created_at": ticket.created_at,
    })?;
    Ok(())
}

pub fn update_ticket(tx: &Tx<'_>, workspace_id: &str, ticket: &Ticket) -> Result<()> {
    tx.prepare_cached(
        "update tickets set subject = :subject, description = :description, status = :status, priority = :priority, contact_id = :contact_id,
             conversation_id = :conversation_id, assignee_id = :assignee_id, assistant_id = :assistant_id, tags = :tags,
             first_response_due_at = :first_response_due_at, resolution_due_at = :resolution_due_at, first_response_at = :first_response_at,
             resolved_at = :resolved_at, first_response_breached = :first_breached, resolution_breached = :resolution_breached, updated_at = :updated_at
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":id": ticket.id, ":ws": workspace_id, ":subject": ticket.subject, ":description": ticket.description,
        ":status": ticket.status, ":priority": ticket.priority, ":contact_id": ticket.contact_id, ":conversation_id": ticket.conversation_id,
        ":assignee_id": ticket.assignee_id, ":assistant_id": ticket.assistant_id, ":tags": serde_json::to_string(&ticket.tags)?,
        ":first_response_due_at": ticket.first_response_due_at, ":resolution_due_at": ticket.resolution_due_at,
        ":first_response_at": ticket.first_response_at, ":resolved_at": ticket.resolved_at,
        ":first_breached": ticket.breaches.contains(&Target::FirstResponse), ":resolution_breached": ticket.breaches.contains(&Target::Resolution),
        ":updated_at": ticket.updated_at,
    })?;
    Ok(())
}

/// Its comments and changes go with it; its number is not given again.
pub fn delete_ticket(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from tickets where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

pub fn insert_change(tx: &Tx<'_>, workspace_id: &str, ticket_id: &str, change: &TicketChange) -> Result<()> {
    tx.prepare_cached(
        "insert into ticket_changes (id, workspace_id, ticket_id, field, before, after, actor_id, actor, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((&change.id, workspace_id, ticket_id, &change.field, change.from.to_string(), change.to.to_string(), &change.actor_id, &change.actor, change.created_at))?;
    Ok(())
}

/// The changes, the oldest first.
pub fn list_changes(connection: &Connection, workspace_id: &str, ticket_id: &str, limit: i64, offset: i64) -> Result<(Vec<TicketChange>, i64)> {
    let json = |text: String| serde_json::from_str(&text).unwrap_or(Value::Null);
    let rows = connection
        .prepare_cached(
            "select id, field, before, after, actor_id, actor, created_at from ticket_changes where workspace_id = ?1 and ticket_id = ?2 order by row limit ?3 offset ?4",
        )?
        .query_map((workspace_id, ticket_id, limit, offset), |row| {
            Ok(TicketChange {
                id: row.get(0)?,
                field: row.get(1)?,
                from: json(row.get(2)?),
                to: json(row.get(3)?),
                actor_id: row.get(4)?,
                actor: row.get(5)?,
                created_at: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from ticket_changes where workspace_id = ?1 and ticket_id = ?2")?
        .query_row((workspace_id, ticket_id), |row| row.get(0))?;
    Ok((rows, total))
}

pub fn insert_comment(tx: &Tx<'_>, workspace_id: &str, ticket_id: &str, comment: &TicketComment) -> Result<()> {
    tx.prepare_cached(
        "insert into ticket_comments (id, workspace_id, ticket_id, author_id, author, is_customer, body, internal, sent_by, created_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute((
        &comment.id, workspace_id, ticket_id, &comment.author_id, &comment.author, comment.is_customer, &comment.body, comment.internal, comment.sent_by,
        comment.created_at,
    ))?;
    Ok(())
}

const COMMENT: &str = "id, author_id, author, is_customer, body, internal, sent_by, created_at";

fn comment(row: &Row<'_>) -> rusqlite::Result<TicketComment> {
    Ok(TicketComment {
        id: row.get(0)?,
        author_id: row.get(1)?,
        author: row.get(2)?,
        is_customer: row.get(3)?,
        body: row.get(4)?,
        internal: row.get(5)?,
        sent_by: row.get(6)?,
        created_at: row.get(7)?,
    })
}

/// The comments, the oldest first.
pub fn list_comments(connection: &Connection, workspace_id: &str, ticket_id: &str, limit: i64, offset: i64) -> Result<(Vec<TicketComment>, i64)> {
    let rows = connection
        .prepare_cached(&format!("select {COMMENT} from ticket_comments where workspace_id = ?1 and ticket_id = ?2 order by row limit ?3 offset ?4"))?
        .query_map((workspace_id, ticket_id, limit, offset), comment)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from ticket_comments where workspace_id = ?1 and ticket_id = ?2")?
        .query_row((workspace_id, ticket_id), |row| row.get(0))?;
    Ok((rows, total))
}

pub fn find_comment(connection: &Connection, workspace_id: &str, ticket_id: &str, id: &str) -> Result<Option<TicketComment>> {
    Ok(connection
        .prepare_cached(&format!("select {COMMENT} from ticket_comments where workspace_id = ?1 and ticket_id = ?2 and id = ?3"))?
        .query_row((workspace_id, ticket_id, id), comment)
        .optional()?)
}

/// Which conversation a message is in.
pub fn find_conversation_of(connection: &Connection, workspace_id: &str, message_id: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached("select conversation_id from messages where workspace_id = ?1 and id = ?2")?
        .query_row((workspace_id, message_id), |row| row.get(0))
        .optional()?)
}

