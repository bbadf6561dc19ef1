//! What a visitor does besides asking: listening, leaving an address, rating, sending files, asking for a person, opening a
//! ticket.

use poem::{IntoResponse, Request, Response, http::StatusCode, web::Data};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::Path,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::ToJSON,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    api::{link_contact, refuse_blocked, widget},
    events::VisitorPage,
    guard::{Opened, Visitor, find_place, get_session, key, open},
    store::{self, NewLead, Session},
};
use crate::{
    app::App,
    assistants::settings::MOST_UPLOAD,
    clock::Timestamp,
    contacts::{self, ContactSource, Seen},
    conversations::{
        self, Attachment, Channel, Conversation, HandoffReason,
        attachments::{self, OneFile},
        handoff::{self, HandoffState},
        store::NewConversation,
    },
    db::Tx,
    error::{Error, Result},
    events::{Kind, NewEvent, emit},
    http::{Counted, Created, NoContent, Tag},
    ids::prefix,
    inbox::{self, Live, Signal, StreamReply},
    tickets::{self, NewTicket, Priority, TicketSource, TicketStatus},
    workspaces,
};

pub struct VisitorApi;

#[derive(Object, Deserialize, Default)]
#[serde(default)]
pub struct WidgetLead {
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    company: Option<String>,
    /// What else the form asks, by name.
    fields: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct WidgetLeadTaken {
    lead_id: String,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct WidgetFeedback {
    /// Left out: the conversation as a whole.
    message_id: Option<String>,
    /// `up`, `down`, or 1 to 5.
    rating: Value,
    comment: Option<String>,
}

#[derive(Object)]
pub struct WidgetStatus {
    status: String,
}

#[derive(Object, Deserialize, Default)]
#[serde(default)]
pub struct WidgetHandOff {
    reason: Option<HandoffReason>,
}

#[derive(Object, Deserialize, Default)]
#[serde(default)]
pub struct WidgetTyping {
    typing: Option<bool>,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct WidgetTicket {
    /// Needed without a session.
    assistant_id: Option<String>,
    subject: String,
    description: String,
    priority: Option<Priority>,
    name: Option<String>,
    email: Option<String>,
}

#[derive(Object)]
pub struct WidgetTicketMade {
    ticket: ShownTicket,
}

/// What a visitor is shown of a ticket.
#[derive(Object)]
#[oai(rename_all = "camelCase", rename = "WidgetShownTicket")]
pub struct ShownTicket {
    id: String,
    number: i64,
    subject: String,
    status: TicketStatus,
    priority: Priority,
    created_at: Timestamp,
}

/// 202: it was passed on.
pub struct Accepted<T>(T);

impl<T: ToJSON + Send> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response().with_status(StatusCode::ACCEPTED).into_response()
    }
}

impl<T: ToJSON> ApiResponse for Accepted<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() }];
        MetaResponses { responses: vec![MetaResponse { description: "It was passed on.", status: Some(202), status_range: None, content, headers: vec![] }] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The assistant and the session of somebody who writes, within the limits and not kept out.
fn writer(app: &App, visitor: &Visitor, assistant_id: &str) -> Result<(Opened, Session)> {
    let opened = open(app, visitor, assistant_id)?;
    let session = get_session(app, visitor, &opened)?;
    app.limits.widget_write.check(&session.id).map_err(widget)?;
    refuse_blocked(app, &opened, &session)?;
    Ok((opened, session))
}

#[OpenApi(prefix_path = "/api/widget", tag = "Tag::Widget")]
impl VisitorApi {
    /// What happens in the session's conversation: `message` `{message,unread}`, `typing` `{name,typing}`, `handler` `{handler,agent:{name,avatarUrl}|null}`, `closed`, `unread` `{count}`; `Last-Event-ID` catches up
    #[oai(path = "/:assistant_id/events", method = "get", operation_id = "stream_widget_events")]
    async fn stream_widget_events(&self, app: Data<&App>, live: Data<&Live>, visitor: Visitor, request: &Request, assistant_id: Path<String>) -> Result<StreamReply> {
        app.limits.widget_read.check(&key(&visitor, &assistant_id)).map_err(widget)?;
        let opened = open(&app, &visitor, &assistant_id)?;
        let session = get_session(&app, &visitor, &opened)?;
        let cursor = app.db.read(|connection| inbox::cursor_of(connection, &opened.workspace_id, request.header("last-event-id")))?;
        let mut bells = vec![live.bell(&session.id)];
        bells.extend(session.conversation_id.iter().map(|id| live.bell(id)));
        let hears = session.conversation_id.is_some();
        let page = VisitorPage { workspace_id: opened.workspace_id, session_id: session.id, conversation_id: session.conversation_id, hears };
        Ok(inbox::run_stream(&app, &live, cursor, bells, page))
    }

    /// Tell the people of the workspace that the visitor types
    #[oai(path = "/:assistant_id/typing", method = "post", operation_id = "tell_widget_typing")]
    async fn tell_widget_typing(&self, app: Data<&App>, live: Data<&Live>, visitor: Visitor, assistant_id: Path<String>, body: Counted<WidgetTyping, 16>) -> Result<NoContent> {
        app.limits.widget_read.check(&key(&visitor, &assistant_id)).map_err(widget)?;
        let opened = open(&app, &visitor, &assistant_id)?;
        let session = get_session(&app, &visitor, &opened)?;
        let body = body.read().map_err(widget)?;
        if let Some(id) = session.conversation_id {
            let state = if body.typing.unwrap_or(true) { "typing" } else { "away" };
            let data = json!({"conversationId": id, "userId": null, "name": null, "state": state});
            live.signal(Signal { workspace_id: opened.workspace_id, conversation_id: Some(id), kind: "typing", data, to_customer: false });
        }
        Ok(NoContent)
    }

    /// Note that the visitor has seen everything
    #[oai(path = "/:assistant_id/read", method = "post", operation_id = "read_widget_conversation")]
    async fn read_widget_conversation(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>) -> Result<NoContent> {
        app.limits.widget_read.check(&key(&visitor, &assistant_id)).map_err(widget)?;
        let opened = open(&app, &visitor, &assistant_id)?;
        let session = get_session(&app, &visitor, &opened)?;
        let (app_, now) = (app.clone(), app.now());
        app.db
            .write(move |tx| {
                let Some(id) = &session.conversation_id else { return Ok(()) };
                let seen = conversations::service::get_conversation(tx, &opened.workspace_id, id)?.last_message_at;
                conversations::service::customer_saw(&app_, tx, &opened.workspace_id, id, seen, now)?;
                store::mark_read(tx, &opened.workspace_id, &session.id, seen)
            })
            .await?;
        Ok(NoContent)
    }

    /// Leave an address: an email or a phone number
    #[oai(path = "/:assistant_id/lead", method = "post", operation_id = "create_widget_lead")]
    async fn create_widget_lead(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, body: Counted<WidgetLead, 64>) -> Result<Created<WidgetLeadTaken>> {
        let (opened, session) = writer(&app, &visitor, &assistant_id)?;
        let (id, now, app_, lead) = (app.new_id(prefix::LEAD), app.now(), app.clone(), body.read().map_err(widget)?);
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
        if !given(&lead.email) && !given(&lead.phone) {
            return Err(Error::invalid("email", "or `phone` is required").context("widget"));
        }
        let taken = app.db.write(move |tx| take_lead(&app_, tx, &opened, &session, lead, id, now)).await.map_err(widget)?;
        Ok(Created(WidgetLeadTaken { lead_id: taken }))
    }

    /// Rate an answer, or the conversation; again replaces it
    #[oai(path = "/:assistant_id/feedback", method = "post", operation_id = "create_widget_feedback")]
    async fn create_widget_feedback(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, body: Counted<WidgetFeedback, 64>) -> Result<Created<WidgetStatus>> {
        let (opened, session) = writer(&app, &visitor, &assistant_id)?;
        let (id, now, app_, feedback) = (app.new_id(prefix::FEEDBACK), app.now(), app.clone(), body.read().map_err(widget)?);
        app.db.write(move |tx| take_feedback(&app_, tx, &opened, &session, &feedback, &id, now)).await.map_err(widget)?;
        Ok(Created(WidgetStatus { status: "ok".to_owned() }))
    }

    /// Keep a file for a message: images, PDF and text; its id goes into `attachments` of `chat`, once, within a day
    #[oai(path = "/:assistant_id/uploads", method = "post", operation_id = "upload_widget_file")]
    async fn upload_widget_file(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, file: OneFile) -> Result<Created<Attachment>> {
        let (opened, session) = writer(&app, &visitor, &assistant_id)?;
        let settings = &opened.assistant.widget.uploads;
        if !settings.enabled {
            return Err(Error::forbidden("Files are not taken here.").context("widget"));
        }
        let most = usize::try_from(settings.max_bytes.unwrap_or(MOST_UPLOAD).min(MOST_UPLOAD)).unwrap_or_default();
        let file = file.read(most).await.map_err(widget)?;
        attachments::check_public(&file).map_err(widget)?;
        attachments::add(&app, &opened.workspace_id, &session.id, file).await.map(Created).map_err(widget)
    }

    /// Ask for a person; the answer says in truth whether anybody is there
    #[oai(path = "/:assistant_id/handoff", method = "post", operation_id = "hand_off_widget")]
    async fn hand_off_widget(&self, app: Data<&App>, live: Data<&Live>, visitor: Visitor, assistant_id: Path<String>, body: Counted<WidgetHandOff, 16>) -> Result<Accepted<HandoffState>> {
        let (opened, session) = writer(&app, &visitor, &assistant_id)?;
        if !opened.assistant.handoff.enabled {
            return Err(Error::forbidden("This assistant does not hand over to people.").context("widget"));
        }
        let (app_, now, reason, session_id) = (app.clone(), app.now(), body.read().map_err(widget)?.reason.unwrap_or(HandoffReason::CustomerRequest), session.id.clone());
        let new_id = app.new_id(prefix::CONVERSATION);
        let state = app
            .db
            .write(move |tx| {
                let id = conversation_of(&app_, tx, &opened, &session, &new_id, now)?;
                handoff::hand_off(&app_, tx, &opened.workspace_id, &id, reason, now)
            })
            .await
            .map_err(widget)?;
        live.ring(&session_id);
        app.jobs.wake();
        Ok(Accepted(state))
    }

    /// Open a ticket: with a session, or with `assistantId`
    #[oai(path = "/tickets/create", method = "post", operation_id = "create_widget_ticket")]
    async fn create_widget_ticket(&self, app: Data<&App>, visitor: Visitor, body: Counted<WidgetTicket, 64>) -> Result<Created<WidgetTicketMade>> {
        app.limits.widget_tickets.check(&visitor.address.limit_key()).map_err(widget)?;
        let body = body.read().map_err(widget)?;
        let assistant_id = match (find_place(&app, &visitor)?, &body.assistant_id) {
            (Some(assistant_id), _) => assistant_id,
            (None, Some(assistant_id)) => assistant_id.clone(),
            (None, None) => return Err(Error::unauthorized("This needs a chat session in `Authorization: Widget …`, or an `assistantId`.").context("widget")),
        };
        let opened = open(&app, &visitor, &assistant_id)?;
        if !opened.assistant.widget.tickets.enabled {
            return Err(Error::forbidden("Tickets are not taken here.").context("widget"));
        }
        let session = super::guard::find_session(&app, &visitor, &opened)?;
        if let Some(session) = &session {
            refuse_blocked(&app, &opened, session)?;
        }
        let (app_, now) = (app.clone(), app.now());
        app.db.write(move |tx| make_ticket(&app_, tx, &opened, session.as_ref(), body, now)).await.map(Created).map_err(widget)
    }
}

/// The session's conversation, made where there is none yet.
fn conversation_of(app: &App, tx: &Tx<'_>, opened: &Opened, session: &Session, new_id: &str, now: Timestamp) -> Result<String> {
    if let Some(id) = store::find_conversation_id(tx, &opened.workspace_id, &session.id)? {
        return Ok(id);
    }
    let new = NewConversation {
        id: new_id,
        workspace_id: &opened.workspace_id,
        assistant_id: Some(&opened.assistant.id),
        channel: Channel::Widget,
        user_id: None,
        contact_id: session.contact_id.as_deref(),
        title: None,
        metadata: session.metadata.as_ref(),
        now,
    };
    conversations::service::create(app, tx, &new)?;
    store::set_conversation(tx, &opened.workspace_id, &session.id, new_id)?;
    Ok(new_id.to_owned())
}

fn take_lead(app: &App, tx: &Tx<'_>, opened: &Opened, session: &Session, lead: WidgetLead, id: String, now: Timestamp) -> Result<String> {
    let (ws, fields) = (opened.workspace_id.as_str(), lead.fields.unwrap_or_default());
    if fields.len() > 30 || fields.values().any(|text| text.chars().count() > 2_000) {
        return Err(Error::invalid("fields", "must have at most 30 entries of at most 2000 characters"));
    }
    let seen = Seen {
        name: lead.name.as_deref(),
        email: lead.email.as_deref(),
        phone: lead.phone.as_deref(),
        company: lead.company.as_deref(),
        ..Seen::default()
    };
    let (contact, _) = contacts::find_or_make(app, tx, ws, &seen, ContactSource::Widget, now)?;
    if contacts::is_blocked(tx, ws, Some(&contact.id), lead.email.as_deref())? {
        return Err(Error::forbidden("Messages from you are not taken here."));
    }
    if !session.verified {
        store::set_contact(tx, ws, &session.id, &contact.id, false)?;
    }
    let conversation_id = store::find_conversation_id(tx, ws, &session.id)?;
    if let Some(conversation_id) = &conversation_id {
        link_contact(app, tx, ws, conversation_id, &contact.id, now)?;
    }
    store::insert_lead(
        tx,
        &NewLead {
            id: &id,
            workspace_id: ws,
            assistant_id: &opened.assistant.id,
            session_id: &session.id,
            conversation_id: conversation_id.as_deref(),
            contact_id: &contact.id,
            name: lead.name.as_deref(),
            email: lead.email.as_deref(),
            phone: lead.phone.as_deref(),
            company: lead.company.as_deref(),
            fields: &serde_json::to_string(&fields)?,
            now,
        },
    )?;
    let data = json!({
        "id": id, "assistantId": opened.assistant.id, "conversationId": conversation_id, "contactId": contact.id, "name": lead.name, "email": lead.email,
        "phone": lead.phone, "company": lead.company, "fields": fields, "createdAt": now,
    });
    emit(tx, &app.ids, now, &NewEvent { workspace_id: ws, kind: Kind::LeadCaptured, resource_id: &id, data })?;
    Ok(id)
}

/// Below this, a person is asked, where the assistant hands over.
const LOW: i64 = 2;

fn take_feedback(app: &App, tx: &Tx<'_>, opened: &Opened, session: &Session, feedback: &WidgetFeedback, id: &str, now: Timestamp) -> Result<()> {
    let ws = opened.workspace_id.as_str();
    let rating = match &feedback.rating {
        Value::String(word) if word == "up" => 5,
        Value::String(word) if word == "down" => 1,
        Value::Number(number) if number.as_i64().is_some_and(|rating| (1..=5).contains(&rating)) => number.as_i64().unwrap_or(1),
        _ => return Err(Error::invalid("rating", "must be `up`, `down` or a number from 1 to 5")),
    };
    if feedback.comment.as_ref().is_some_and(|comment| comment.chars().count() > 5_000) {
        return Err(Error::invalid("comment", "must have at most 5000 characters"));
    }
    let conversation_id = store::find_conversation_id(tx, ws, &session.id)?.ok_or_else(|| Error::not_found("conversation"))?;
    match &feedback.message_id {
        Some(message_id) => {
            conversations::store::find_message(tx, ws, &conversation_id, message_id)?.ok_or_else(|| Error::not_found("message"))?;
            conversations::store::set_feedback(tx, ws, message_id, rating)?;
            conversations::outgoing::tell_changed(app, tx, ws, &conversation_id, message_id, now)?;
        }
        None => {
            let before = conversations::service::get_conversation(tx, ws, &conversation_id)?;
            let after = Conversation { rating: Some(rating), ..before.clone() };
            conversations::service::save(app, tx, ws, &before, after, now)?;
        }
    }
    let message_id = feedback.message_id.as_deref().unwrap_or_default();
    let id = store::put_feedback(tx, id, ws, &conversation_id, message_id, rating, feedback.comment.as_deref(), now)?;
    let data = json!({
        "id": id, "conversationId": conversation_id, "messageId": feedback.message_id, "assistantId": opened.assistant.id, "rating": rating,
        "comment": feedback.comment, "createdAt": now,
    });
    emit(tx, &app.ids, now, &NewEvent { workspace_id: ws, kind: Kind::FeedbackCreated, resource_id: &id, data })?;
    let low = (rating <= LOW).then_some(HandoffReason::LowRating);
    handoff::after_answer(app, tx, ws, &conversation_id, &opened.assistant.handoff, low, now)
}

fn make_ticket(app: &App, tx: &Tx<'_>, opened: &Opened, session: Option<&Session>, body: WidgetTicket, now: Timestamp) -> Result<WidgetTicketMade> {
    let ws = opened.workspace_id.as_str();
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let known = session.and_then(|session| session.contact_id.clone());
    if workspaces::store::find_settings(tx, ws)?.tickets.contact_required && known.is_none() {
        for (field, value) in [("name", &body.name), ("email", &body.email)] {
            if !given(value) {
                return Err(Error::invalid(field, "is required"));
            }
        }
    }
    let contact_id = if given(&body.email) {
        let seen = Seen { name: body.name.as_deref(), email: body.email.as_deref(), ..Seen::default() };
        Some(contacts::find_or_make(app, tx, ws, &seen, ContactSource::Widget, now)?.0.id)
    } else {
        known
    };
    if contacts::is_blocked(tx, ws, contact_id.as_deref(), body.email.as_deref())? {
        return Err(Error::forbidden("Messages from you are not taken here."));
    }
    let conversation_id = match session {
        Some(session) => store::find_conversation_id(tx, ws, &session.id)?,
        None => None,
    };
    let new = NewTicket {
        subject: body.subject,
        description: body.description,
        priority: body.priority.unwrap_or(Priority::Normal),
        contact_id,
        conversation_id,
        assignee_id: None,
        assistant_id: Some(opened.assistant.id.clone()),
        tags: Vec::new(),
        source: TicketSource::Widget,
    };
    let who = body.name.unwrap_or_else(|| "Visitor".to_owned());
    let ticket = tickets::service::create(app, tx, ws, new, &tickets::service::Actor::named(&who), now)?;
    Ok(WidgetTicketMade {
        ticket: ShownTicket { id: ticket.id, number: ticket.number, subject: ticket.subject, status: ticket.status, priority: ticket.priority, created_at: ticket.created_at },
    })
}
