//! Every address that the server answers, and the OpenAPI document that lists those of the API.

use std::sync::{Arc, LazyLock};

use poem::{
    Endpoint, EndpointExt, Response, Route, get, handler,
    middleware::AddData,
};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::Value;

use super::health;
use crate::{
    access::{AccountApi, AuthApi, OidcApi, PasswordApi, SecondFactorApi, SecondStepApi, SignUpApi, TokensApi},
    analytics::AnalyticsApi,
    app::App,
    answering::{Answers, ChatApi, MessagesApi},
    assistants::{AssistantsApi, HistoryApi, SharingApi},
    contacts::{ContactsApi, ImportsApi},
    conversations::{ConversationsApi, FilesApi},
    error::Result,
    http::{Front, Methods, complete_openapi},
    inbox::{InboxApi, Live, MacrosApi, ViewsApi},
    providers::{ModelsApi, ProvidersApi},
    knowledge::{ConnectionsApi, DocumentsApi, ProjectMembersApi, ProjectsApi, QaApi, SourcesApi},
    profiles::ProfilesApi,
    site_chat::{SiteChatApi, SiteCors, SitesApi},
    sms::{SmsApi, SmsWebhookApi},
    tickets::TicketsApi,
    tools::{ActionsApi, AssistantToolsApi, McpServersApi, WebSearchApi},
    web,
    webhooks::WebhooksApi,
    widget::{Cors, VisitorApi, WidgetApi, WidgetSecretApi},
    workspaces::{AuditApi, ColleaguesApi, InvitationsApi, MembersApi, OpenInvitationsApi, SetupApi, WorkspacesApi},
};

/// Every API there is, lowest floor first.
fn service() -> OpenApiService<impl OpenApi, ()> {
    let access = (AuthApi, SignUpApi, PasswordApi, OidcApi, SecondStepApi, SecondFactorApi, SetupApi, AccountApi, TokensApi);
    let people = (WorkspacesApi, MembersApi, ColleaguesApi, InvitationsApi, OpenInvitationsApi, AuditApi);
    let assistants = (AssistantsApi, SharingApi, HistoryApi, ProvidersApi, ModelsApi);
    let knowledge = (ProjectsApi, DocumentsApi, ConnectionsApi, QaApi, ProjectMembersApi, SourcesApi);
    let conversations = (ChatApi, MessagesApi, ConversationsApi, FilesApi, InboxApi, MacrosApi, ViewsApi);
    let visitors = (WidgetApi, VisitorApi, WidgetSecretApi, SitesApi, SiteChatApi);
    let tools = (McpServersApi, ActionsApi, WebSearchApi, AssistantToolsApi);
    let desk = (ContactsApi, ImportsApi, ProfilesApi, TicketsApi, AnalyticsApi);
    let channels = (WebhooksApi, SmsApi, SmsWebhookApi);
    let apis = (access, people, assistants, knowledge, conversations, visitors, tools, desk, channels);
    OpenApiService::new(apis, "IllumiChat", env!("CARGO_PKG_VERSION"))
        .description("AI customer support in one executable. The flat addresses (`/api/assistants`, …) are the same operations on the caller's own workspace.")
        .license(poem_openapi::LicenseObject::new("Apache-2.0"))
}

/// The OpenAPI 3 document of everything that the server answers under `/api`.
pub fn openapi() -> Result<Value> {
    complete_openapi(&service().spec())
}

/// The same, made once. A test makes it too, so that it is known to be one.
fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi().unwrap_or_default());
    &DOCUMENT
}

#[handler]
fn openapi_document() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    Response::builder().content_type("application/json; charset=utf-8").body(TEXT.as_str())
}

pub(super) fn endpoint(app: &App, answers: &Answers, live: &Live) -> impl Endpoint<Output = Response> + 'static {
    let front = Front { clock: app.clock.clone(), ids: app.ids.clone(), trusted_proxies: app.config.trusted_proxies.clone().into(), methods: Arc::new(Methods::of(document())) };
    Route::new()
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/api/openapi.json", get(openapi_document))
        .at("/api/docs", get(web::ApiDocs::new(openapi)))
        .nest_no_strip("/api", service())
        .nest("/", web::routes())
        .with(Cors { app: app.clone() })
        .with(SiteCors)
        .with(AddData::new(app.clone()))
        .with(AddData::new(answers.clone()))
        .with(AddData::new(live.clone()))
        .with(front)
}
