//! The operations on all that is known of a contact.

use poem::{IntoResponse, Response, http::StatusCode, web::Data};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Attachment,
    registry::{MetaHeader, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde_json::{Value, json};

use super::{erase, store};
use crate::{
    access::{Editor, Member},
    app::App,
    audit::{self, Action},
    clock::Timestamp,
    contacts::service::get_contact,
    error::Result,
    http::{Listing, Paging, Tag},
};

pub struct ProfilesApi;

/// Something that happened with a contact.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// `conversation`, `ticket`, `lead`, `sms` or `note`.
    kind: String,
    id: String,
    title: Option<String>,
    detail: Option<String>,
    created_at: Timestamp,
}

/// 204, with what a header can say of backups.
pub struct Erased;

/// The header that says what becomes of copies.
const BACKUPS: &str = "x-backups";
const BACKUPS_TEXT: &str = "Backups made before now still hold this person until their retention removes them.";

impl IntoResponse for Erased {
    fn into_response(self) -> Response {
        Response::builder().status(StatusCode::NO_CONTENT).header(BACKUPS, BACKUPS_TEXT).finish()
    }
}

impl ApiResponse for Erased {
    fn meta() -> MetaResponses {
        let header = MetaHeader { name: "X-Backups".to_owned(), description: Some("What becomes of the copies in backups.".to_owned()), required: true, deprecated: false, schema: String::schema_ref() };
        MetaResponses {
            responses: vec![MetaResponse { description: "The person was erased.", status: Some(204), status_range: None, content: vec![], headers: vec![header] }],
        }
    }

    fn register(_: &mut Registry) {}
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/contacts", tag = "Tag::Contacts")]
impl ProfilesApi {
    /// What happened with a contact, the newest first
    #[oai(path = "/:id/timeline", method = "get", operation_id = "get_contact_timeline")]
    async fn get_contact_timeline(&self, app: Data<&App>, who: Member, id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<TimelineEntry>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        app.db.read(|connection| {
            get_contact(connection, &who.workspace_id, &id)?;
            let (entries, total) = store::list_entries(connection, &who.workspace_id, &id, paging.limit, paging.offset)?;
            let data = entries.into_iter().map(|entry| TimelineEntry { kind: entry.kind, id: entry.id, title: entry.title, detail: entry.detail, created_at: entry.at }).collect();
            Ok(Listing { data, total, paging, flat: false })
        })
    }

    /// Everything that is kept of a contact, as a file
    #[oai(path = "/:id/export", method = "get", operation_id = "export_contact")]
    async fn export_contact(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Attachment<Vec<u8>>> {
        let (workspace_id, now) = (who.workspace_id.clone(), app.now());
        let (name, exported) = (format!("{}.json", id.0), id.0.clone());
        let whole = app
            .db
            .read_slowly(move |connection| {
                let contact = get_contact(connection, &workspace_id, &id)?;
                let data = Value::Object(store::export(connection, &workspace_id, &id)?);
                Ok(json!({"exportedAt": now, "contact": contact, "data": data}))
            })
            .await?;
        let (entry, ids) = (who.entry(Action::ContactsExported).on(exported), app.ids.clone());
        app.db.write(move |tx| audit::record(tx, &ids, now, &entry)).await?;
        Ok(Attachment::new(serde_json::to_vec_pretty(&whole)?).filename(name))
    }

    /// Erase a person with everything that was said; copies in backups age out
    #[oai(path = "/:id", method = "delete", operation_id = "delete_contact")]
    async fn delete_contact(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Erased> {
        let entry = who.entry(Action::ContactDeleted).on(&id.0);
        erase::erase(&app, who.workspace_id.clone(), id.0, entry).await?;
        Ok(Erased)
    }
}
