//! Twilio's REST API, as far as it is needed: looking a number up, sending a message, fetching a picture.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use url::Url;

use super::model::Capabilities;
use crate::{
    app::App,
    error::{Error, Result},
    secrets::SecretText,
};

const DEFAULT_BASE: &str = "https://api.twilio.com";
const TIMEOUT: Duration = Duration::from_secs(15);

pub struct Twilio<'a> {
    pub app: &'a App,
    pub account_sid: &'a str,
    pub auth_token: &'a SecretText,
}

/// Why a message was not taken.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: Option<i64>,
    pub message: String,
    /// Whether it may go through later.
    pub passing: bool,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<i64>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Numbers {
    incoming_phone_numbers: Vec<Number>,
}

#[derive(Deserialize)]
struct Number {
    phone_number: String,
    capabilities: Capabilities,
}

#[derive(Deserialize)]
pub struct Sent {
    pub sid: String,
    pub status: Option<String>,
}

impl Twilio<'_> {
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let base = self.app.config.twilio.api_base.as_deref().unwrap_or(DEFAULT_BASE).trim_end_matches('/');
        let url = format!("{base}/2010-04-01/Accounts/{}/{path}", self.account_sid);
        Ok(self.app.client.request_directly(method, &url)?.basic_auth(self.account_sid, Some(self.auth_token.reveal())).timeout(TIMEOUT))
    }

    /// What the number can do; the error of a `Refusal` says why it is not the account's.
    ///
    /// # Errors
    /// 502 where Twilio is not reached.
    pub async fn capabilities(&self, phone_number: &str) -> Result<std::result::Result<Capabilities, String>> {
        let out_of_reach = || Error::upstream("Twilio could not be reached. Try again in a moment.").context("sms");
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("PhoneNumber", phone_number).finish();
        let request = self.request(Method::GET, &format!("IncomingPhoneNumbers.json?{query}"))?;
        let response = request.send().await.map_err(|error| out_of_reach().source(error.without_url()))?;
        match response.status().as_u16() {
            200 => {
                let numbers: Numbers = response.json().await.map_err(|error| out_of_reach().source(error.without_url()))?;
                let number = numbers.incoming_phone_numbers.into_iter().find(|number| number.phone_number == phone_number);
                Ok(number.map(|number| number.capabilities).ok_or_else(|| format!("The number {phone_number} does not belong to this Twilio account.")))
            }
            401 | 403 => Ok(Err("Twilio does not accept this Account SID with this Auth Token.".to_owned())),
            404 => Ok(Err("Twilio knows no account with this SID.".to_owned())),
            status => Err(out_of_reach().source(format!("Twilio answered {status}"))),
        }
    }

    /// The request for a picture, whose address Twilio's webhook named: with the credentials where it is Twilio's own, and not at
    /// all anywhere else. Twilio leads on to where the file lies, to which no credentials go.
    ///
    /// # Errors
    /// Where the address may not be reached.
    pub fn media(&self, url: &str) -> Result<Option<RequestBuilder>> {
        let base = self.app.config.twilio.api_base.as_deref().unwrap_or(DEFAULT_BASE);
        let (Ok(base), Ok(url)) = (Url::parse(base), Url::parse(url)) else { return Ok(None) };
        if base.origin() != url.origin() {
            return Ok(None);
        }
        Ok(Some(self.app.client.request(Method::GET, url.as_str())?.basic_auth(self.account_sid, Some(self.auth_token.reveal()))))
    }

    /// Hands a message over.
    pub async fn send(&self, from: &str, to: &str, body: &str, status_callback: &str) -> std::result::Result<Sent, Refusal> {
        let passing = |message: String| Refusal { code: None, message, passing: true };
        let form = [("From", from), ("To", to), ("Body", body), ("StatusCallback", status_callback)];
        let request = self.request(Method::POST, "Messages.json").map_err(|error| Refusal { code: None, message: error.message().to_owned(), passing: false })?;
        let encoded: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let response = request.header("content-type", "application/x-www-form-urlencoded").body(encoded).send().await;
        let response = response.map_err(|_| passing("Twilio could not be reached.".to_owned()))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return response.json().await.map_err(|_| passing("Twilio's answer could not be read.".to_owned()));
        }
        let failure: Failure = response.json().await.unwrap_or(Failure { code: None, message: None });
        let passing = status == 429 || status >= 500 || failure.code == Some(20429);
        Err(Refusal { code: failure.code, message: failure.message.unwrap_or_else(|| format!("Twilio answered {status}.")), passing })
    }
}

/// What to do about one of Twilio's error codes (twilio.com/docs/api/errors).
pub fn advice(code: i64) -> Option<&'static str> {
    Some(match code {
        20003 => "Twilio does not accept the Account SID or Auth Token any more. Enter them again in the assistant's SMS settings.",
        20429 => "Twilio was sent too many messages at once. It is tried again by itself.",
        21211 | 21614 => "The customer's number is no mobile number that can receive SMS.",
        21408 => "Twilio may not send to this country. Allow it in Twilio's console under Messaging, Geo permissions.",
        21606 | 21659 | 21660 => "The assistant's number is not one of this Twilio account's, or cannot send SMS. Choose another in the SMS settings.",
        21608 => "A trial account sends to verified numbers only. Upgrade the Twilio account, or verify the number there.",
        21610 => "The customer has sent STOP. They hear from you again once they send START.",
        21617 => "The message was longer than Twilio takes.",
        30001 => "Twilio's queue was full. Send it again later.",
        30002 => "The Twilio account is suspended. See Twilio's console.",
        30003 => "The phone was off or out of reach. Send it again later.",
        30004 => "The customer, or their network, blocks messages from this number.",
        30005 | 30006 => "The number does not exist any more, or is a landline.",
        30007 => "The network took the message for spam. Register the number in Twilio's console (A2P 10DLC or toll-free verification).",
        30008 => "The network gave no reason. Send it again later.",
        30034 => "Messages from this number to the USA need A2P 10DLC registration in Twilio's console.",
        _ => return None,
    })
}

/// What happened, with what to do.
pub fn explain(code: Option<i64>, message: &str) -> String {
    match code.and_then(advice) {
        Some(advice) if message.is_empty() => advice.to_owned(),
        Some(advice) => format!("{} {advice}", sentence(message)),
        None if message.is_empty() => code.map_or_else(|| "Twilio gave no reason.".to_owned(), |code| format!("Twilio's error {code}; see twilio.com/docs/api/errors/{code}.")),
        None => sentence(message),
    }
}

fn sentence(text: &str) -> String {
    let text: String = text.trim().chars().take(300).collect();
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}
