//! The sites of a workspace.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use rusqlite::Connection;
use serde::Deserialize;

use super::{model::Site, store};
use crate::{
    access::{Editor, Member, model::check_name},
    app::App,
    assistants,
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag, patch},
    ids::prefix,
};

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct CreateSite {
    name: String,
    greeting: Option<String>,
    auto_reply: Option<String>,
    assistant_id: Option<String>,
    allowed_origins: Option<Vec<String>>,
    trusted_addresses: Option<Vec<String>>,
}

#[derive(Object, Deserialize, Default)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateSite {
    name: Option<String>,
    greeting: Option<String>,
    auto_reply: Option<String>,
    assistant_id: MaybeUndefined<String>,
    allowed_origins: Option<Vec<String>>,
    trusted_addresses: Option<Vec<String>>,
}

pub struct SitesApi;

fn new_key(app: &App) -> String {
    format!("site_{}", app.ids.secret(32))
}

fn check(connection: &Connection, site: &mut Site) -> Result<()> {
    site.check()?;
    if let Some(id) = &site.assistant_id {
        assistants::store::find_assistant(connection, &site.workspace_id, id)?.ok_or_else(|| Error::invalid("assistantId", "is no assistant of this workspace"))?;
    }
    Ok(())
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/sites", tag = "Tag::Sites")]
impl SitesApi {
    /// The workspace's sites with their keys
    #[oai(path = "/", method = "get", operation_id = "list_sites")]
    async fn list_sites(&self, app: Data<&App>, who: Member, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Site>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let (data, total) = app.db.read(|connection| store::list_sites(connection, &who.workspace_id, paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: who.flat })
    }

    /// Make a site with a key of its own
    #[oai(path = "/", method = "post", operation_id = "create_site")]
    async fn create_site(&self, app: Data<&App>, who: Editor, body: Body<CreateSite>) -> Result<Created<Site>> {
        let (body, now) = (body.0, app.now());
        let mut site = Site {
            id: app.new_id(prefix::SITE),
            name: check_name("name", &body.name, 120)?,
            greeting: body.greeting.unwrap_or_else(|| "Hi there! How can we help?".to_owned()),
            auto_reply: body.auto_reply.unwrap_or_else(|| "Thanks for reaching out! We'll get back to you soon.".to_owned()),
            assistant_id: body.assistant_id,
            allowed_origins: body.allowed_origins.unwrap_or_default(),
            trusted_addresses: body.trusted_addresses.unwrap_or_default(),
            site_key: new_key(&app),
            created_at: now,
            updated_at: now,
            workspace_id: who.workspace_id.clone(),
        };
        app.db
            .write(move |tx| {
                check(tx, &mut site)?;
                store::insert_site(tx, &site)?;
                Ok(Created(site))
            })
            .await
    }

    /// Change a site
    #[oai(path = "/:id", method = "patch", operation_id = "update_site")]
    async fn update_site(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<UpdateSite>) -> Result<Json<Site>> {
        let (body, now) = (body.0, app.now());
        app.db
            .write(move |tx| {
                let mut site = store::find_site(tx, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("site"))?;
                if let Some(name) = body.name {
                    site.name = check_name("name", &name, 120)?;
                }
                site.greeting = body.greeting.unwrap_or(site.greeting);
                site.auto_reply = body.auto_reply.unwrap_or(site.auto_reply);
                patch(&mut site.assistant_id, body.assistant_id);
                site.allowed_origins = body.allowed_origins.unwrap_or(site.allowed_origins);
                site.trusted_addresses = body.trusted_addresses.unwrap_or(site.trusted_addresses);
                site.updated_at = now;
                check(tx, &mut site)?;
                store::update_site(tx, &site)?;
                Ok(Json(site))
            })
            .await
    }

    /// A new key; the old one is refused from now on
    #[oai(path = "/:id/rotate-key", method = "post", operation_id = "rotate_site_key")]
    async fn rotate_site_key(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<Site>> {
        let (key, now) = (new_key(&app), app.now());
        app.db
            .write(move |tx| {
                let found = store::find_site(tx, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("site"))?;
                let site = Site { site_key: key, updated_at: now, ..found };
                store::update_site(tx, &site)?;
                Ok(Json(site))
            })
            .await
    }

    /// Delete a site; its conversations stay in the inbox
    #[oai(path = "/:id", method = "delete", operation_id = "delete_site")]
    async fn delete_site(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let gone = app.db.write(move |tx| store::delete_site(tx, &who.workspace_id, &id)).await?;
        if gone { Ok(NoContent) } else { Err(Error::not_found("site")) }
    }
}
