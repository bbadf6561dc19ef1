//! Who else may use a private assistant.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::store;
use crate::{
    access::{Editor, Role},
    app::App,
    clock::Timestamp,
    error::{Error, Result},
    http::{Listing, NoContent, Paging, Tag},
};

pub struct SharingApi;

/// Somebody who may use an assistant while it is private, besides its creator, owners and admins.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct Grant {
    pub user_id: String,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub granted_by: Option<String>,
    pub granted_at: Timestamp,
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/assistants", tag = "Tag::Assistants")]
impl SharingApi {
    /// Who has been granted access to an assistant
    #[oai(path = "/:id/access", method = "get", operation_id = "list_assistant_access")]
    async fn list_assistant_access(&self, app: Data<&App>, who: Editor, id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Grant>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        app.db.read(|connection| {
            store::find_assistant(connection, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
            let (data, total) = store::list_grants(connection, &who.workspace_id, &id, paging.limit, paging.offset)?;
            Ok(Listing { data, total, paging, flat: false })
        })
    }

    /// Let a member use an assistant while it is private
    #[oai(path = "/:id/access/:user_id", method = "put", operation_id = "grant_assistant_access")]
    async fn grant_assistant_access(&self, app: Data<&App>, who: Editor, id: Path<String>, user_id: Path<String>) -> Result<Json<Grant>> {
        let (now, who) = (app.now(), who.0);
        app.db
            .write(move |tx| {
                store::find_assistant(tx, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
                crate::access::store::find_role(tx, &who.workspace_id, &user_id)?.ok_or_else(|| Error::not_found("member"))?;
                store::insert_grant(tx, &who.workspace_id, &id, &user_id, &who.user_id, now)?;
                store::find_grant(tx, &who.workspace_id, &id, &user_id)?.map(Json).ok_or_else(|| Error::not_found("grant"))
            })
            .await
    }

    /// Take the access back
    #[oai(path = "/:id/access/:user_id", method = "delete", operation_id = "revoke_assistant_access")]
    async fn revoke_assistant_access(&self, app: Data<&App>, who: Editor, id: Path<String>, user_id: Path<String>) -> Result<NoContent> {
        let workspace_id = who.workspace_id.clone();
        let found = app.db.write(move |tx| store::delete_grant(tx, &workspace_id, &id, &user_id)).await?;
        if found { Ok(NoContent) } else { Err(Error::not_found("grant")) }
    }
}
