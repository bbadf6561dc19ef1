//! The operations on webhooks.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{
    deliver::{self, SEAL_PURPOSE},
    model::{Delivery, DeliveryStatus, Webhook, check_events},
    outbox, sign,
    store::{self, Due, NewDelivery},
};
use crate::{
    access::Editor,
    app::App,
    audit::{self, Action},
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag, patch},
    ids::prefix,
};

pub struct WebhooksApi;

/// How long the last secret signs beside a new one.
const OVERLAP: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[derive(Default, Object, Deserialize)]
#[serde(default)]
pub struct WebhookFields {
    #[serde(deserialize_with = "crate::http::not_null")]
    url: Option<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    events: Option<Vec<String>>,
    #[serde(deserialize_with = "crate::http::not_null")]
    active: Option<bool>,
    description: MaybeUndefined<String>,
}

/// 202: it will be sent again at once.
#[derive(ApiResponse)]
pub enum Retried {
    #[oai(status = 202)]
    Accepted(Json<Delivery>),
}

impl WebhookFields {
    fn over(self, app: &App, webhook: &mut Webhook) -> Result<()> {
        if let Some(url) = self.url {
            webhook.url = check_url(app, &url)?;
        }
        if let Some(events) = self.events {
            webhook.events = check_events(events)?;
        }
        webhook.active = self.active.unwrap_or(webhook.active);
        patch(&mut webhook.description, self.description);
        if webhook.description.as_ref().is_some_and(|text| text.chars().count() > 500) {
            return Err(Error::invalid("description", "must have at most 500 characters"));
        }
        Ok(())
    }
}

fn check_url(app: &App, text: &str) -> Result<String> {
    let url = Url::parse(text.trim()).map_err(|_| Error::invalid("url", "is not an address like https://example.com/hooks"))?;
    if text.len() > 2_000 || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid("url", "must be shorter than 2000 characters, without a name or password in it"));
    }
    app.client.check_secure(&url).map_err(|error| Error::invalid("url", format!("cannot be used: {}", error.message().trim_end_matches('.'))))?;
    Ok(url.to_string())
}

fn get_webhook(connection: &Connection, who: &Editor, id: &str) -> Result<Webhook> {
    store::find_webhook(connection, &who.workspace_id, id)?.ok_or_else(|| Error::not_found("webhook"))
}

fn get_delivery(connection: &Connection, who: &Editor, id: &str) -> Result<Delivery> {
    store::find_delivery(connection, &who.workspace_id, id)?.ok_or_else(|| Error::not_found("delivery"))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/webhooks", tag = "Tag::Webhooks")]
impl WebhooksApi {
    /// The workspace's webhooks
    #[oai(path = "/", method = "get", operation_id = "list_webhooks")]
    async fn list_webhooks(&self, app: Data<&App>, who: Editor, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Webhook>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let (data, total) = app.db.read(|connection| store::list_webhooks(connection, &who.workspace_id, paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: who.flat })
    }

    /// Make a webhook; its secret is in this answer alone
    #[oai(path = "/", method = "post", operation_id = "create_webhook")]
    async fn create_webhook(&self, app: Data<&App>, who: Editor, body: Body<WebhookFields>) -> Result<Created<Webhook>> {
        let now = app.now();
        if body.0.url.is_none() {
            return Err(Error::invalid("url", "is required"));
        }
        if body.0.events.is_none() {
            return Err(Error::invalid("events", "is required"));
        }
        let mut webhook = Webhook {
            id: app.new_id(prefix::WEBHOOK),
            url: String::new(),
            events: Vec::new(),
            active: true,
            description: None,
            disabled_reason: None,
            created_at: now,
            updated_at: now,
            last_delivery_at: None,
            failure_count: 0,
            secret: None,
        };
        body.0.over(&app, &mut webhook)?;
        let secret = sign::new_secret(&app.ids);
        let sealed = app.key.seal(&secret, SEAL_PURPOSE, &app.ids)?;
        webhook.secret = Some(secret);
        let (write, ids) = (app.db.clone(), app.ids.clone());
        write
            .write(move |tx| {
                store::insert_webhook(tx, &who.workspace_id, &webhook, &sealed)?;
                audit::record(tx, &ids, now, &who.entry(Action::WebhookSaved).on(&webhook.id))?;
                Ok(Created(webhook))
            })
            .await
    }

    /// One webhook
    #[oai(path = "/:id", method = "get", operation_id = "get_webhook")]
    async fn get_webhook(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<Webhook>> {
        app.db.read(|connection| get_webhook(connection, &who, &id)).map(Json)
    }

    /// Change a webhook, or switch it off or on
    #[oai(path = "/:id", method = "patch", operation_id = "update_webhook")]
    async fn update_webhook(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<WebhookFields>) -> Result<Json<Webhook>> {
        let (app, now) = (app.0.clone(), app.now());
        let write = app.db.clone();
        write
            .write(move |tx| {
                let mut webhook = get_webhook(tx, &who, &id)?;
                body.0.over(&app, &mut webhook)?;
                webhook.updated_at = now;
                store::update_webhook(tx, &who.workspace_id, &webhook)?;
                audit::record(tx, &app.ids, now, &who.entry(Action::WebhookSaved).on(&webhook.id))?;
                if !webhook.active {
                    store::fail_pending(tx, &who.workspace_id, &webhook.id, "The webhook was switched off.")?;
                }
                get_webhook(tx, &who, &id).map(Json)
            })
            .await
    }

    /// Delete a webhook with its deliveries
    #[oai(path = "/:id", method = "delete", operation_id = "delete_webhook")]
    async fn delete_webhook(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let (ids, now) = (app.ids.clone(), app.now());
        let deleted = app.db.write(move |tx| {
            let found = store::delete_webhook(tx, &who.workspace_id, &id)?;
            if found {
                audit::record(tx, &ids, now, &who.entry(Action::WebhookDeleted).on(&id.0))?;
            }
            Ok(found)
        });
        if deleted.await? { Ok(NoContent) } else { Err(Error::not_found("webhook")) }
    }

    /// A new secret, in this answer alone; the old one signs beside it for a day
    #[oai(path = "/:id/rotate-secret", method = "post", operation_id = "rotate_webhook_secret")]
    async fn rotate_webhook_secret(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<Webhook>> {
        let (ids, now) = (app.ids.clone(), app.now());
        let secret = sign::new_secret(&app.ids);
        let sealed = app.key.seal(&secret, SEAL_PURPOSE, &app.ids)?;
        app.db
            .write(move |tx| {
                get_webhook(tx, &who, &id)?;
                store::set_secret(tx, &who.workspace_id, &id, &sealed, now.plus(OVERLAP), now)?;
                audit::record(tx, &ids, now, &who.entry(Action::WebhookSaved).on(&id.0).with(json!({"secret": "rotated"})))?;
                Ok(Json(Webhook { secret: Some(secret), ..get_webhook(tx, &who, &id)? }))
            })
            .await
    }

    /// Send a test at once, and say what came back
    #[oai(path = "/:id/test", method = "post", operation_id = "test_webhook")]
    async fn test_webhook(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<Delivery>> {
        let now = app.now();
        let webhook = app.db.read(|connection| get_webhook(connection, &who, &id))?;
        let (event_id, delivery_id) = (app.new_id(prefix::EVENT), app.new_id(prefix::DELIVERY));
        let data = json!({"webhookId": webhook.id, "message": "This is a test."});
        let due = Due {
            id: delivery_id.clone(),
            workspace_id: who.workspace_id.clone(),
            webhook_id: webhook.id,
            body: outbox::body(&event_id, "webhook.test", now, &who.workspace_id, &data),
            resource_id: delivery_id.clone(),
            event_id,
            // It stands where the last attempt does: a test is not repeated.
            attempts: i64::MAX - 1,
        };
        let new = due.clone();
        app.db
            .write(move |tx| {
                store::insert_delivery(
                    tx,
                    &NewDelivery {
                        id: &new.id, workspace_id: &new.workspace_id, webhook_id: &new.webhook_id, event_id: &new.event_id, event: "webhook.test",
                        resource_id: &new.resource_id, body: &new.body, taken: true, now,
                    },
                )
            })
            .await?;
        deliver::send(&app, &due).await?;
        app.db.read(|connection| get_delivery(connection, &who, &delivery_id)).map(Json)
    }

    /// What was sent to a webhook and what will be, the newest first
    #[oai(path = "/:id/deliveries", method = "get", operation_id = "list_webhook_deliveries")]
    async fn list_webhook_deliveries(
        &self,
        app: Data<&App>,
        who: Editor,
        id: Path<String>,
        status: Query<Option<DeliveryStatus>>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<Delivery>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        app.db.read(|connection| {
            get_webhook(connection, &who, &id)?;
            let (data, total) = store::list_deliveries(connection, &who.workspace_id, &id, status.0, paging.limit, paging.offset)?;
            Ok(Listing { data, total, paging, flat: false })
        })
    }

    /// One delivery, with request and response as they were
    #[oai(path = "/deliveries/:id", method = "get", operation_id = "get_webhook_delivery")]
    async fn get_webhook_delivery(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<Delivery>> {
        app.db.read(|connection| get_delivery(connection, &who, &id)).map(Json)
    }

    /// Send it again, under the same id
    #[oai(path = "/deliveries/:id/retry", method = "post", operation_id = "retry_webhook_delivery")]
    async fn retry_webhook_delivery(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Retried> {
        let now = app.now();
        app.db
            .write(move |tx| {
                let delivery = get_delivery(tx, &who, &id)?;
                if !get_webhook(tx, &who, &delivery.webhook_id)?.active {
                    return Err(Error::conflict("The webhook is switched off. Switch it on, then retry."));
                }
                if !store::retry_delivery(tx, &who.workspace_id, &id, now)? {
                    return Err(Error::conflict("This delivery is being sent at this moment, or the person that it told of was erased."));
                }
                Ok(Retried::Accepted(Json(get_delivery(tx, &who, &id)?)))
            })
            .await
    }
}
