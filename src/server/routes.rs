//! Every address that the server answers, and the OpenAPI document that lists those of the API.

use poem::{
    Endpoint, EndpointExt, Response, Route, get, handler,
    http::{HeaderName, HeaderValue},
    middleware::{AddData, SetHeader},
};
use poem_openapi::OpenApiService;
use serde_json::Value;

use super::health;
use crate::{
    access::{AccountApi, AuthApi, OidcApi, PasswordApi, SecondFactorApi, TokensApi},
    app::App,
    answering::{Answers, ChatApi, MessagesApi},
    assistants::{AssistantsApi, ModelsApi},
    conversations::ConversationsApi,
    error::Result,
    http::{Front, complete_openapi},
    knowledge::{ConnectionsApi, DocumentsApi, ProjectsApi},
    web,
    widget::{Cors, WidgetApi},
    workspaces::{AuditApi, InvitationsApi, OpenInvitationsApi, MembersApi, SetupApi, WorkspacesApi},
};

type Apis = ((AuthApi, PasswordApi, OidcApi, SetupApi, AccountApi, SecondFactorApi), (WorkspacesApi, MembersApi, InvitationsApi, OpenInvitationsApi, AuditApi, TokensApi), (AssistantsApi, ModelsApi), (ProjectsApi, DocumentsApi, ConnectionsApi), (ChatApi, MessagesApi, ConversationsApi, WidgetApi));

fn service() -> OpenApiService<Apis, ()> {
    let apis = ((AuthApi, PasswordApi, OidcApi, SetupApi, AccountApi, SecondFactorApi), (WorkspacesApi, MembersApi, InvitationsApi, OpenInvitationsApi, AuditApi, TokensApi), (AssistantsApi, ModelsApi), (ProjectsApi, DocumentsApi, ConnectionsApi), (ChatApi, MessagesApi, ConversationsApi, WidgetApi));
    OpenApiService::new(apis, "IllumiChat", env!("CARGO_PKG_VERSION"))
        .description("AI customer support in one executable. The flat addresses (`/api/assistants`, …) are the same operations on the caller's own workspace.")
        .license(poem_openapi::LicenseObject::new("Apache-2.0"))
}

/// The OpenAPI 3 document of everything that the server answers under `/api`.
pub fn openapi() -> Result<Value> {
    complete_openapi(&service().spec())
}

#[handler]
fn openapi_document() -> Result<Response> {
    static DOCUMENT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let text = match DOCUMENT.get() {
        Some(text) => text,
        None => {
            let text = serde_json::to_string(&openapi()?)?;
            DOCUMENT.get_or_init(|| text)
        }
    };
    Ok(Response::builder().content_type("application/json; charset=utf-8").body(text.as_str()))
}

pub(super) fn endpoint(app: &App, answers: &Answers) -> impl Endpoint<Output = Response> + 'static {
    let front = Front { clock: app.clock.clone(), ids: app.ids.clone(), trusted_proxies: app.config.trusted_proxies.clone().into() };
    Route::new()
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/api/openapi.json", get(openapi_document))
        .at("/api/docs", get(web::ApiDocs::new(openapi)))
        .nest_no_strip("/api", service())
        .nest("/", web::routes())
        .with(Cors { app: app.clone() })
        .with(AddData::new(app.clone()))
        .with(AddData::new(answers.clone()))
        .with(SetHeader::new().appending(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")))
        .with(front)
}
