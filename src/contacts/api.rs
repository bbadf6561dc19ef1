//! The operations on contacts.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::{Attachment, Json},
};
use serde::Deserialize;

use super::{
    csv,
    model::{BlockKind, Contact, ContactFields, ContactNote, ContactSource},
    service,
    store::{self, Filter, SORTS},
};
use crate::{
    access::{self, Caller, Editor, Member, Via, model::email_key},
    app::App,
    audit::{self, Action},
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag},
    ids::prefix,
    workspaces,
};

pub struct ContactsApi;

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct MergeContact {
    /// The contact that stays.
    into_id: String,
}

#[derive(Object, Deserialize)]
pub struct NewContactNote {
    body: String,
}

#[derive(Default, Object, Deserialize)]
#[serde(default)]
pub struct BlockContact {
    /// Whom to keep out; this contact alone where it is left out.
    by: Option<Vec<BlockKind>>,
}

/// 201 where the contact is new, else 200.
#[derive(ApiResponse)]
pub enum Upserted {
    #[oai(status = 201)]
    Created(Json<Contact>),
    #[oai(status = 200)]
    Changed(Json<Contact>),
}

fn source_of(who: &Caller) -> ContactSource {
    match who.via {
        Via::Session { .. } => ContactSource::Dashboard,
        Via::Token { .. } => ContactSource::Api,
    }
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/contacts", tag = "Tag::Contacts")]
impl ContactsApi {
    /// The workspace's contacts
    #[expect(clippy::too_many_arguments, reason = "one a query parameter")]
    #[oai(path = "/", method = "get", operation_id = "list_contacts")]
    async fn list_contacts(
        &self,
        app: Data<&App>,
        who: Member,
        q: Query<Option<String>>,
        tag: Query<Option<String>>,
        source: Query<Option<ContactSource>>,
        sort: Query<Option<String>>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<Contact>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let order = match &sort.0 {
            None => SORTS[0].1,
            Some(name) => {
                let known = SORTS.iter().find(|(known, _)| known == name);
                known.ok_or_else(|| Error::invalid("sort", format!("must be one of {}", SORTS.map(|(name, _)| name).join(", "))))?.1
            }
        };
        let filter = Filter { q: q.0, tag: tag.0, source: source.0 };
        let (flat, workspace_id) = (who.flat, who.workspace_id.clone());
        let (data, total) = app.db.read_slowly(move |connection| store::list_contacts(connection, &workspace_id, &filter, order, paging.limit, paging.offset)).await?;
        Ok(Listing { data, total, paging, flat })
    }

    /// Make a contact: at least a name, an email or a phone number
    #[oai(path = "/", method = "post", operation_id = "create_contact")]
    async fn create_contact(&self, app: Data<&App>, who: Member, body: Body<ContactFields>) -> Result<Created<Contact>> {
        let (app, now) = (app.0.clone(), app.now());
        let write = app.db.clone();
        write
            .write(move |tx| {
                let mut contact = service::new_contact(&app, source_of(&who), now);
                body.0.over(&mut contact, &workspaces::store::find_settings(tx, &who.workspace_id)?.region)?;
                service::add(&app, tx, &who.workspace_id, &contact).map(Created)
            })
            .await
    }

    /// Make or change the contact with this external id, else this email, else this phone number
    #[oai(path = "/", method = "put", operation_id = "upsert_contact")]
    async fn upsert_contact(&self, app: Data<&App>, who: Member, body: Body<ContactFields>) -> Result<Upserted> {
        let (app, now) = (app.0.clone(), app.now());
        let write = app.db.clone();
        let (contact, is_new) = write.write(move |tx| service::upsert(&app, tx, &who.workspace_id, body.0, source_of(&who), now)).await?;
        Ok(if is_new { Upserted::Created(Json(contact)) } else { Upserted::Changed(Json(contact)) })
    }

    /// All contacts as CSV
    #[oai(path = "/export", method = "get", operation_id = "export_contacts")]
    async fn export_contacts(&self, app: Data<&App>, who: Editor) -> Result<Attachment<Vec<u8>>> {
        let workspace_id = who.workspace_id.clone();
        let bytes = app.db.read_slowly(move |connection| csv::write(connection, &workspace_id)).await?;
        let (entry, ids, now) = (who.entry(Action::ContactsExported), app.ids.clone(), app.now());
        app.db.write(move |tx| audit::record(tx, &ids, now, &entry)).await?;
        Ok(Attachment::new(bytes).filename("contacts.csv"))
    }

    /// One contact
    #[oai(path = "/:id", method = "get", operation_id = "get_contact")]
    async fn get_contact(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<Json<Contact>> {
        app.db.read(|connection| service::get_contact(connection, &who.workspace_id, &id)).map(Json)
    }

    /// Change a contact
    #[oai(path = "/:id", method = "patch", operation_id = "update_contact")]
    async fn update_contact(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<ContactFields>) -> Result<Json<Contact>> {
        let (app, now) = (app.0.clone(), app.now());
        let write = app.db.clone();
        write
            .write(move |tx| {
                let before = service::get_contact(tx, &who.workspace_id, &id)?;
                let mut contact = before.clone();
                body.0.over(&mut contact, &workspaces::store::find_settings(tx, &who.workspace_id)?.region)?;
                service::save(&app, tx, &who.workspace_id, &before, contact, now).map(Json)
            })
            .await
    }

    /// Give everything of this contact to another one, and remove it
    #[oai(path = "/:id/merge", method = "post", operation_id = "merge_contact")]
    async fn merge_contact(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<MergeContact>) -> Result<Json<Contact>> {
        let (app, now) = (app.0.clone(), app.now());
        let write = app.db.clone();
        write.write(move |tx| service::merge(&app, tx, &who.workspace_id, &id, &body.0.into_id, now).map(Json)).await
    }

    /// Keep this person out: the contact, the email address, or everyone of its domain
    #[oai(path = "/:id/block", method = "post", operation_id = "block_contact")]
    async fn block_contact(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<BlockContact>) -> Result<Json<Contact>> {
        let (app, now) = (app.0.clone(), app.now());
        let write = app.db.clone();
        write
            .write(move |tx| {
                let contact = service::get_contact(tx, &who.workspace_id, &id)?;
                for kind in body.0.by.filter(|kinds| !kinds.is_empty()).unwrap_or_else(|| vec![BlockKind::Contact]) {
                    let email = || contact.email.as_deref().map(email_key).ok_or_else(|| Error::invalid("by", "needs the contact to have an email address"));
                    let value = match kind {
                        BlockKind::Contact => contact.id.clone(),
                        BlockKind::Address => email()?,
                        BlockKind::Domain => email()?.split_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default(),
                    };
                    store::insert_block(tx, &who.workspace_id, &contact.id, kind, &value, &who.user_id, now)?;
                }
                service::get_contact(tx, &who.workspace_id, &id).map(Json)
            })
            .await
    }

    /// Let this person in again
    #[oai(path = "/:id/block", method = "delete", operation_id = "unblock_contact")]
    async fn unblock_contact(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<NoContent> {
        app.db
            .write(move |tx| {
                let contact = service::get_contact(tx, &who.workspace_id, &id)?;
                store::delete_blocks(tx, &who.workspace_id, &contact.id, contact.email.as_deref())
            })
            .await?;
        Ok(NoContent)
    }

    /// What was noted of a contact, the newest first
    #[oai(path = "/:id/notes", method = "get", operation_id = "list_contact_notes")]
    async fn list_contact_notes(&self, app: Data<&App>, who: Member, id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<ContactNote>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        app.db.read(|connection| {
            service::get_contact(connection, &who.workspace_id, &id)?;
            let (data, total) = store::list_notes(connection, &who.workspace_id, &id, paging.limit, paging.offset)?;
            Ok(Listing { data, total, paging, flat: false })
        })
    }

    /// Note something
    #[oai(path = "/:id/notes", method = "post", operation_id = "create_contact_note")]
    async fn create_contact_note(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<NewContactNote>) -> Result<Created<ContactNote>> {
        let text = body.0.body.trim().to_owned();
        if text.is_empty() || text.chars().count() > 10_000 {
            return Err(Error::invalid("body", "must have 1 to 10000 characters"));
        }
        let (now, note_id) = (app.now(), app.new_id(prefix::NOTE));
        app.db
            .write(move |tx| {
                service::get_contact(tx, &who.workspace_id, &id)?;
                let author = access::store::find_user(tx, &who.user_id)?.map(|user| user.name);
                let note = ContactNote { id: note_id, author_id: Some(who.user_id.clone()), author, body: text, created_at: now };
                store::insert_note(tx, &who.workspace_id, &id, &note)?;
                Ok(Created(note))
            })
            .await
    }

    /// Take a note away
    #[oai(path = "/:id/notes/:note", method = "delete", operation_id = "delete_contact_note")]
    async fn delete_contact_note(&self, app: Data<&App>, who: Member, id: Path<String>, note: Path<String>) -> Result<NoContent> {
        let found = app.db.write(move |tx| store::delete_note(tx, &who.workspace_id, &id, &note)).await?;
        if found { Ok(NoContent) } else { Err(Error::not_found("note")) }
    }
}
