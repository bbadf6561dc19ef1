//! The operations on tickets.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;

use super::{
    model::{NewTicket, Priority, Ticket, TicketChange, TicketComment, TicketFields, TicketSource, TicketStatus},
    service::{self, Actor},
    store::{self, Filter, SORTS},
};
use crate::{
    access::{Editor, Member, Via},
    app::App,
    audit::{self, Action},
    conversations::{self, MessageRole, get_seen},
    error::{Error, Result},
    events::{self, Kind, NewEvent},
    http::{Body, Created, Listing, NoContent, Paging, Tag},
};

pub struct TicketsApi;

#[derive(Default, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct CreateTicket {
    /// Needed, unless it is made of a conversation, whose title it is then.
    subject: Option<String>,
    description: Option<String>,
    priority: Option<Priority>,
    contact_id: Option<String>,
    conversation_id: Option<String>,
    assignee_id: Option<String>,
    assistant_id: Option<String>,
    tags: Option<Vec<String>>,
}

#[derive(Object, Deserialize)]
pub struct NewTicketComment {
    body: String,
    /// Whether it stays inside; otherwise it goes to the customer.
    #[oai(default)]
    #[serde(default)]
    internal: bool,
}

/// Words with commas between them.
fn list<T>(field: &str, text: Option<String>, parse: impl Fn(&str) -> Option<T>, known: &str) -> Result<Vec<T>> {
    text.iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| parse(word).ok_or_else(|| Error::invalid(field, format!("must be one or more of {known}"))))
        .collect()
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/tickets", tag = "Tag::Tickets")]
impl TicketsApi {
    /// The workspace's tickets, without spam unless it is asked for
    #[expect(clippy::too_many_arguments, reason = "one a query parameter")]
    #[oai(path = "/", method = "get", operation_id = "list_tickets")]
    async fn list_tickets(
        &self,
        app: Data<&App>,
        who: Member,
        status: Query<Option<String>>,
        priority: Query<Option<String>>,
        #[oai(name = "assigneeId")] assignee_id: Query<Option<String>>,
        #[oai(name = "contactId")] contact_id: Query<Option<String>>,
        #[oai(name = "conversationId")] conversation_id: Query<Option<String>>,
        q: Query<Option<String>>,
        sort: Query<Option<String>>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<Ticket>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let order = match &sort.0 {
            None => SORTS[0].1,
            Some(name) => SORTS.iter().find(|(known, _)| known == name).ok_or_else(|| Error::invalid("sort", format!("must be one of {}", SORTS.map(|(name, _)| name).join(", "))))?.1,
        };
        let filter = Filter {
            statuses: list("status", status.0, |word| TicketStatus::ALL.into_iter().find(|status| status.word() == word), &TicketStatus::ALL.map(TicketStatus::word).join(", "))?,
            priorities: list("priority", priority.0, Priority::parse, &Priority::ALL.map(Priority::word).join(", "))?,
            // `me` and `none` are what a page asks for.
            assignee_id: assignee_id.0.map(|id| match id.as_str() {
                "me" => who.user_id.clone(),
                "none" => String::new(),
                _ => id,
            }),
            contact_id: contact_id.0,
            conversation_id: conversation_id.0,
            q: q.0,
        };
        let (flat, workspace_id) = (who.flat, who.workspace_id.clone());
        let (data, total) = app.db.read_slowly(move |connection| store::list_tickets(connection, &workspace_id, &filter, order, paging.limit, paging.offset)).await?;
        Ok(Listing { data, total, paging, flat })
    }

    /// Make a ticket, of a conversation where one is named
    #[oai(path = "/", method = "post", operation_id = "create_ticket")]
    async fn create_ticket(&self, app: Data<&App>, who: Member, body: Body<CreateTicket>) -> Result<Created<Ticket>> {
        let (app, now, body) = (app.0.clone(), app.now(), body.0);
        let write = app.db.clone();
        write
            .write(move |tx| {
                let mut new = NewTicket {
                    subject: body.subject.unwrap_or_default(),
                    description: body.description.unwrap_or_default(),
                    priority: body.priority.unwrap_or(Priority::Normal),
                    contact_id: body.contact_id,
                    conversation_id: body.conversation_id,
                    assignee_id: body.assignee_id,
                    assistant_id: body.assistant_id,
                    tags: body.tags.unwrap_or_default(),
                    source: if matches!(who.via, Via::Session { .. }) { TicketSource::Dashboard } else { TicketSource::Api },
                };
                if let Some(id) = &new.conversation_id {
                    let conversation = get_seen(tx, &who, id).map_err(|_| Error::invalid("conversationId", "is no conversation of this workspace"))?;
                    new.source = TicketSource::Conversation;
                    new.contact_id = new.contact_id.or(conversation.contact_id);
                    new.assistant_id = new.assistant_id.or(conversation.assistant_id);
                    if new.subject.is_empty() {
                        new.subject = conversation.title.unwrap_or_else(|| "Conversation".to_owned());
                    }
                    if new.description.is_empty() {
                        let messages = conversations::store::list_messages(tx, &who.workspace_id, id, None, 50)?;
                        let asked: Vec<String> = messages.into_iter().filter(|message| message.role == MessageRole::User).map(|message| message.content).collect();
                        new.description = asked.join("\n\n").chars().take(20_000).collect();
                    }
                }
                if new.subject.trim().is_empty() {
                    return Err(Error::invalid("subject", "is required"));
                }
                let actor = Actor::user(tx, &who.user_id)?;
                service::create(&app, tx, &who.workspace_id, new, &actor, now).map(Created)
            })
            .await
    }

    /// One ticket
    #[oai(path = "/:id", method = "get", operation_id = "get_ticket")]
    async fn get_ticket(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<Json<Ticket>> {
        app.db.read(|connection| service::get_ticket(connection, &who.workspace_id, &id)).map(Json)
    }

    /// Change a ticket
    #[oai(path = "/:id", method = "patch", operation_id = "update_ticket")]
    async fn update_ticket(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<TicketFields>) -> Result<Json<Ticket>> {
        let (app, now) = (app.0.clone(), app.now());
        let write = app.db.clone();
        write
            .write(move |tx| {
                let actor = Actor::user(tx, &who.user_id)?;
                service::change(&app, tx, &who.workspace_id, &id, body.0, &actor, now).map(Json)
            })
            .await
    }

    /// Delete a ticket with what was said on it
    #[oai(path = "/:id", method = "delete", operation_id = "delete_ticket")]
    async fn delete_ticket(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let (app, now) = (app.0.clone(), app.now());
        let write = app.db.clone();
        write
            .write(move |tx| {
                let ticket = service::get_ticket(tx, &who.workspace_id, &id)?;
                store::delete_ticket(tx, &who.workspace_id, &id)?;
                audit::record(tx, &app.ids, now, &who.entry(Action::TicketDeleted).on(&ticket.id).with(serde_json::json!({"number": ticket.number})))?;
                let data = serde_json::json!({"id": ticket.id, "number": ticket.number});
                events::emit(tx, &app.ids, now, &NewEvent { workspace_id: &who.workspace_id, kind: Kind::TicketDeleted, resource_id: &ticket.id, data })
            })
            .await?;
        Ok(NoContent)
    }

    /// What was said on a ticket, the oldest first
    #[oai(path = "/:id/comments", method = "get", operation_id = "list_ticket_comments")]
    async fn list_ticket_comments(&self, app: Data<&App>, who: Member, id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<TicketComment>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        app.db.read(|connection| {
            service::get_ticket(connection, &who.workspace_id, &id)?;
            let (data, total) = store::list_comments(connection, &who.workspace_id, &id, paging.limit, paging.offset)?;
            Ok(Listing { data, total, paging, flat: false })
        })
    }

    /// Say something on a ticket: to the customer, or inside
    #[oai(path = "/:id/comments", method = "post", operation_id = "create_ticket_comment")]
    async fn create_ticket_comment(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<NewTicketComment>) -> Result<Created<TicketComment>> {
        let (app, now) = (app.0.clone(), app.now());
        let (write, wake) = (app.db.clone(), app.jobs.clone());
        let comment = write
            .write(move |tx| {
                let actor = Actor::user(tx, &who.user_id)?;
                service::comment(&app, tx, &who.workspace_id, &id, &body.0.body, body.0.internal, &actor, now).map(Created)
            })
            .await?;
        wake.wake();
        Ok(comment)
    }

    /// Every change of a ticket: who, when, from what to what
    #[oai(path = "/:id/activity", method = "get", operation_id = "list_ticket_activity")]
    async fn list_ticket_activity(&self, app: Data<&App>, who: Member, id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<TicketChange>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        app.db.read(|connection| {
            service::get_ticket(connection, &who.workspace_id, &id)?;
            let (data, total) = store::list_changes(connection, &who.workspace_id, &id, paging.limit, paging.offset)?;
            Ok(Listing { data, total, paging, flat: false })
        })
    }
}
