//! An assistant's SMS, as the API shows it.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    contacts::model::is_e164,
    db::words,
    error::{Error, Result},
    secrets::SecretText,
};

words! {
    Direction { Inbound "inbound", Outbound "outbound" }
}

/// Everything of SMS is shown as `{"data": …}`.
#[derive(Object)]
pub struct Data<T: Send + Sync + poem_openapi::types::Type + poem_openapi::types::ToJSON + poem_openapi::types::ParseFromJSON> {
    pub data: T,
}

#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct SmsConfig {
    pub enabled: bool,
    pub phone_number: String,
    pub twilio_account_sid: String,
    /// Where Twilio is to send what comes in.
    pub webhook_url: String,
    /// Where Twilio tells what became of what went out.
    pub status_callback_url: String,
    pub session_timeout_minutes: i64,
    pub created_at: Timestamp,
}

/// What is stored of it.
pub struct Account {
    pub workspace_id: String,
    pub assistant_id: String,
    pub enabled: bool,
    pub account_sid: String,
    pub auth_token: Vec<u8>,
    pub phone_number: String,
    pub session_timeout_minutes: i64,
    pub created_at: Timestamp,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct PutSmsConfig {
    pub enabled: bool,
    pub twilio_account_sid: String,
    /// Needed the first time; kept where it is left out later.
    #[serde(default)]
    pub twilio_auth_token: Option<String>,
    pub phone_number: String,
    #[serde(default)]
    pub session_timeout_minutes: Option<i64>,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct TestSms {
    pub twilio_account_sid: String,
    /// The saved one where it is left out.
    #[serde(default)]
    pub twilio_auth_token: Option<String>,
    pub phone_number: String,
}

#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct SmsTest {
    pub valid: bool,
    #[oai(skip_serializing_if_is_none)]
    pub phone_number_capabilities: Option<Capabilities>,
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Object, Deserialize)]
pub struct Capabilities {
    #[serde(default, alias = "SMS")]
    pub sms: bool,
    #[serde(default, alias = "MMS")]
    pub mms: bool,
    #[serde(default, alias = "Voice")]
    pub voice: bool,
}

#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct SmsAnalytics {
    pub total_messages: i64,
    pub inbound: i64,
    pub outbound: i64,
    pub unique_contacts: i64,
    pub active_sessions: i64,
    pub period: String,
}

/// One message on the network, and what became of it.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct SmsMessage {
    pub id: String,
    pub direction: Direction,
    pub phone: String,
    pub contact_id: Option<String>,
    pub conversation_id: Option<String>,
    pub message_id: Option<String>,
    /// From 0, where a long message went in several.
    pub part: i64,
    pub body: String,
    pub sid: Option<String>,
    pub status: String,
    /// Twilio's, where it failed.
    pub error_code: Option<i64>,
    /// What happened, and what to do about it.
    pub error: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The account's id by its form.
pub fn check_account(sid: &str, phone_number: &str) -> Result<()> {
    if !(sid.len() == 34 && sid.starts_with("AC") && sid[2..].bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Err(Error::invalid("twilioAccountSid", "must be AC and 32 letters and digits, as Twilio's console shows it").context("sms"));
    }
    if !is_e164(phone_number) {
        return Err(Error::invalid("phoneNumber", "must be a number like +15551234567").context("sms"));
    }
    Ok(())
}

/// A token that was sent, trimmed; nothing where there is none.
pub fn check_token(token: Option<String>) -> Result<Option<SecretText>> {
    let Some(token) = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()) else { return Ok(None) };
    if token.len() > 200 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid("twilioAuthToken", "is not a token as Twilio's console shows it").context("sms"));
    }
    Ok(Some(SecretText::new(token)))
}
