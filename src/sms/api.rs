//! The operations on an assistant's SMS.

use std::time::Duration;

use poem::web;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rusqlite::Connection;

use super::{
    model::{Account, Data, PutSmsConfig, SmsAnalytics, SmsConfig, SmsMessage, SmsTest, TestSms, check_account, check_token},
    outbound::{SEAL_PURPOSE, status_url, webhook_url},
    store,
    twilio::Twilio,
};
use crate::{
    access::{Editor, Member},
    app::App,
    audit::{self, Action},
    assistants,
    error::{Error, Result},
    http::{Body, Listing, NoContent, Paging, Tag},
};

pub struct SmsApi;

fn shown(app: &App, account: Account) -> Json<Data<SmsConfig>> {
    Json(Data {
        data: SmsConfig {
            enabled: account.enabled,
            phone_number: account.phone_number,
            twilio_account_sid: account.account_sid,
            webhook_url: webhook_url(app, &account.assistant_id),
            status_callback_url: status_url(app, &account.assistant_id),
            session_timeout_minutes: account.session_timeout_minutes,
            created_at: account.created_at,
        },
    })
}

fn check_assistant(connection: &Connection, workspace_id: &str, id: &str) -> Result<()> {
    assistants::store::find_assistant(connection, workspace_id, id)?.map(drop).ok_or_else(|| Error::not_found("assistant"))
}

fn get_account(connection: &Connection, workspace_id: &str, id: &str) -> Result<Account> {
    check_assistant(connection, workspace_id, id)?;
    store::find_account(connection, workspace_id, id)?.ok_or_else(|| Error::not_found("SMS configuration").context("sms"))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/assistants", tag = "Tag::Sms")]
impl SmsApi {
    /// An assistant's Twilio account, without its token
    #[oai(path = "/:id/sms", method = "get", operation_id = "get_sms_config")]
    async fn get_sms_config(&self, app: web::Data<&App>, who: Editor, id: Path<String>) -> Result<Json<Data<SmsConfig>>> {
        let account = app.db.read(|connection| get_account(connection, &who.workspace_id, &id))?;
        Ok(shown(&app, account))
    }

    /// Connect an assistant with a Twilio account, or change that
    #[oai(path = "/:id/sms", method = "put", operation_id = "put_sms_config")]
    async fn put_sms_config(&self, app: web::Data<&App>, who: Editor, id: Path<String>, body: Body<PutSmsConfig>) -> Result<Json<Data<SmsConfig>>> {
        app.db.read(|connection| check_assistant(connection, &who.workspace_id, &id))?;
        let body = body.0;
        check_account(&body.twilio_account_sid, &body.phone_number)?;
        let timeout = body.session_timeout_minutes.unwrap_or(30);
        if !(1..=1440).contains(&timeout) {
            return Err(Error::invalid("sessionTimeoutMinutes", "must be a number from 1 to 1440").context("sms"));
        }
        let sealed = match check_token(body.twilio_auth_token)? {
            Some(token) => Some(app.key.seal(token.reveal(), SEAL_PURPOSE, &app.ids)?),
            None => None,
        };
        let (ids, now) = (app.ids.clone(), app.now());
        let account = app
            .db
            .write(move |tx| {
                check_assistant(tx, &who.workspace_id, &id)?;
                let known = store::find_account(tx, &who.workspace_id, &id)?.map(|known| known.auth_token);
                let auth_token = sealed.or(known).ok_or_else(|| Error::invalid("twilioAuthToken", "is required the first time").context("sms"))?;
                let account = Account {
                    workspace_id: who.workspace_id.clone(),
                    assistant_id: id.0,
                    enabled: body.enabled,
                    account_sid: body.twilio_account_sid,
                    auth_token,
                    phone_number: body.phone_number,
                    session_timeout_minutes: timeout,
                    created_at: now,
                };
                store::put_account(tx, &account, now)?;
                audit::record(tx, &ids, now, &who.entry(Action::SmsSaved).on(&account.assistant_id))?;
                get_account(tx, &who.workspace_id, &account.assistant_id)
            })
            .await?;
        Ok(shown(&app, account))
    }

    /// Disconnect an assistant from Twilio
    #[oai(path = "/:id/sms", method = "delete", operation_id = "delete_sms_config")]
    async fn delete_sms_config(&self, app: web::Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let (ids, now) = (app.ids.clone(), app.now());
        app.db
            .write(move |tx| {
                get_account(tx, &who.workspace_id, &id)?;
                store::delete_account(tx, &who.workspace_id, &id)?;
                audit::record(tx, &ids, now, &who.entry(Action::SmsDeleted).on(&id.0))
            })
            .await?;
        Ok(NoContent)
    }

    /// Try credentials and a number without saving them
    #[oai(path = "/:id/sms/test", method = "post", operation_id = "test_sms")]
    async fn test_sms(&self, app: web::Data<&App>, who: Editor, id: Path<String>, body: Body<TestSms>) -> Result<Json<Data<SmsTest>>> {
        app.db.read(|connection| check_assistant(connection, &who.workspace_id, &id))?;
        let body = body.0;
        check_account(&body.twilio_account_sid, &body.phone_number)?;
        let token = match check_token(body.twilio_auth_token)? {
            Some(token) => token,
            None => {
                let known = app.db.read(|connection| store::find_account(connection, &who.workspace_id, &id))?;
                let known = known.ok_or_else(|| Error::invalid("twilioAuthToken", "is required").context("sms"))?;
                app.key.open(&known.auth_token, SEAL_PURPOSE)?
            }
        };
        let twilio = Twilio { app: &app, account_sid: &body.twilio_account_sid, auth_token: &token };
        let data = match twilio.capabilities(&body.phone_number).await? {
            Ok(capabilities) => SmsTest { valid: true, phone_number_capabilities: Some(capabilities), error: None },
            Err(error) => SmsTest { valid: false, phone_number_capabilities: None, error: Some(error) },
        };
        Ok(Json(Data { data }))
    }

    /// How much was written in a period: 7d, 30d or 90d
    #[oai(path = "/:id/sms/analytics", method = "get", operation_id = "get_sms_analytics")]
    async fn get_sms_analytics(&self, app: web::Data<&App>, who: Editor, id: Path<String>, period: Query<Option<String>>) -> Result<Json<Data<SmsAnalytics>>> {
        let period = period.0.unwrap_or_else(|| "30d".to_owned());
        let days: u64 = match period.as_str() {
            "7d" => 7,
            "30d" => 30,
            "90d" => 90,
            _ => return Err(Error::invalid("period", "must be 7d, 30d or 90d").context("sms")),
        };
        let now = app.now();
        app.db.read(|connection| {
            let account = get_account(connection, &who.workspace_id, &id)?;
            let timeout = Duration::from_secs(u64::try_from(account.session_timeout_minutes).unwrap_or(30) * 60);
            let data = store::analytics(connection, &account, now.minus(Duration::from_secs(days * 24 * 3600)), now.minus(timeout), &period)?;
            Ok(Json(Data { data }))
        })
    }

    /// The messages on the network, with what became of each
    #[oai(path = "/:id/sms/messages", method = "get", operation_id = "list_sms_messages")]
    async fn list_sms_messages(
        &self,
        app: web::Data<&App>,
        who: Member,
        id: Path<String>,
        #[oai(name = "conversationId")] conversation_id: Query<Option<String>>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<SmsMessage>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        app.db.read(|connection| {
            check_assistant(connection, &who.workspace_id, &id)?;
            let (data, total) = store::list_messages(connection, &who.workspace_id, &id, conversation_id.0.as_deref(), paging.limit, paging.offset)?;
            Ok(Listing { data, total, paging, flat: false })
        })
    }
}
