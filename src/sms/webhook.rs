//! What Twilio calls: a message that came in, and what became of one that went out. Signed, answered at once.

use std::collections::HashMap;

use poem::{IntoResponse, Request, RequestBody, Response, web::Data};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, OpenApi,
    param::Path,
    registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use url::form_urlencoded;

use super::{
    inbound::{self, Incoming},
    model::Account,
    outbound::SEAL_PURPOSE,
    signature::{self, Signed},
    store,
    twilio::explain,
};
use crate::{
    app::App,
    error::{Error, Result},
    http::{Tag, read_limited},
};

pub struct SmsWebhookApi;

/// A request of Twilio's, as it came.
pub struct FromTwilio {
    path_and_query: String,
    is_form: bool,
    body: Vec<u8>,
    signature: Option<String>,
    settings: Option<String>,
}

impl<'a> ApiExtractor<'a> for FromTwilio {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let form = MetaSchema { description: Some("Twilio's fields: `MessageSid`, `From`, `To`, `Body`, …"), ..MetaSchema::new("object") };
        let content = vec![MetaMediaType { content_type: "application/x-www-form-urlencoded", schema: MetaSchemaRef::Inline(Box::new(form)) }];
        Some(MetaRequest { description: Some("Signed with `X-Twilio-Signature`."), content, required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let header = |name: &str| request.header(name).map(str::to_owned);
        let bytes = read_limited(body, 256 << 10).await.map_err(|error| error.context("sms"))?;
        Ok(FromTwilio {
            path_and_query: request.original_uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            is_form: request.content_type().is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")),
            body: bytes,
            signature: header("x-twilio-signature"),
            settings: header("x-twilio-webhooks-signature-settings"),
        })
    }
}

impl FromTwilio {
    /// The account and the fields, once the signature is found right. Every failure looks the same.
    fn open(self, app: &App, assistant_id: &str) -> Result<(Account, HashMap<String, String>, Option<String>)> {
        let refused = || Error::forbidden("This request was not signed by the Twilio account of this assistant.").context("sms");
        let account = app.db.read(|connection| store::find_anywhere(connection, assistant_id))?.filter(|account| account.enabled).ok_or_else(refused)?;
        let token = app.key.open(&account.auth_token, SEAL_PURPOSE)?;
        let form: Vec<(String, String)> = if self.is_form { form_urlencoded::parse(&self.body).into_owned().collect() } else { Vec::new() };
        let signed = Signed {
            url: &format!("{}{}", app.config.public_url(), self.path_and_query),
            form: self.is_form.then_some(form.as_slice()),
            body: &self.body,
            signature: self.signature.as_deref().ok_or_else(refused)?,
            scheme: signature::scheme(self.settings.as_deref()).ok_or_else(refused)?,
        };
        if !signature::is_valid(token.reveal(), &signed) {
            return Err(refused());
        }
        let message = self.path_and_query.split_once('?').and_then(|(_, query)| form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "message").map(|(_, id)| id.into_owned()));
        Ok((account, form.into_iter().collect(), message))
    }
}

/// TwiML that says nothing: whatever is to be said goes out by the REST API.
pub struct EmptyTwiml;

impl IntoResponse for EmptyTwiml {
    fn into_response(self) -> Response {
        Response::builder().content_type("text/xml; charset=utf-8").body("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>")
    }
}

impl ApiResponse for EmptyTwiml {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Empty TwiML: it was taken.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: "text/xml", schema: String::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

#[OpenApi(prefix_path = "/api/sms", tag = "Tag::Sms")]
impl SmsWebhookApi {
    /// A message that came in, from Twilio
    #[oai(path = "/webhook/:assistant_id", method = "post", operation_id = "receive_sms")]
    async fn receive_sms(&self, app: Data<&App>, assistant_id: Path<String>, body: FromTwilio) -> Result<EmptyTwiml> {
        app.limits.sms.check(&assistant_id).map_err(|error| error.context("sms"))?;
        let (account, mut fields, _) = body.open(&app, &assistant_id)?;
        let mut take = |name: &str| fields.remove(name).unwrap_or_default();
        let count: usize = take("NumMedia").parse().unwrap_or(0);
        let media = (0..count.min(10)).map(|place| (take(&format!("MediaContentType{place}")), take(&format!("MediaUrl{place}")))).collect();
        let incoming = Incoming { sid: take("MessageSid"), from: take("From"), body: take("Body").chars().take(8_000).collect(), media, is_answered: !take("OptOutType").is_empty() };
        if incoming.sid.is_empty() || !crate::contacts::model::is_e164(&incoming.from) {
            // Signed, so it is Twilio's; a short code or a name has nobody to answer.
            tracing::warn!(assistant = %account.assistant_id, "an SMS without MessageSid or from no phone number was left alone");
            return Ok(EmptyTwiml);
        }
        let (app_, now) = (app.clone(), app.now());
        app.db.write(move |tx| inbound::take(&app_, tx, &account, &incoming, now)).await.map_err(|error| error.context("sms"))?;
        app.jobs.wake();
        Ok(EmptyTwiml)
    }

    /// What became of a message that went out, from Twilio
    #[oai(path = "/status/:assistant_id", method = "post", operation_id = "receive_sms_status")]
    async fn receive_sms_status(&self, app: Data<&App>, assistant_id: Path<String>, body: FromTwilio) -> Result<EmptyTwiml> {
        app.limits.sms.check(&assistant_id).map_err(|error| error.context("sms"))?;
        let (account, fields, message) = body.open(&app, &assistant_id)?;
        let field = |name: &str| fields.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let (Some(sid), Some(status)) = (field("MessageSid").or_else(|| field("SmsSid")), field("MessageStatus").or_else(|| field("SmsStatus"))) else { return Ok(EmptyTwiml) };
        let status: String = status.chars().take(40).collect();
        let code = field("ErrorCode").and_then(|code| code.parse::<i64>().ok()).filter(|code| *code != 0);
        let error = (code.is_some() || matches!(status.as_str(), "failed" | "undelivered")).then(|| explain(code, field("ErrorMessage").as_deref().unwrap_or_default()));
        let now = app.now();
        app.db.write(move |tx| store::report(tx, &account.assistant_id, message.as_deref(), &sid, &status, code, error.as_deref(), now)).await.map_err(|error| error.context("sms"))?;
        Ok(EmptyTwiml)
    }
}
