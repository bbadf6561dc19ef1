//! The groups that the OpenAPI document sorts its operations into.

use poem_openapi::Tags;

#[derive(Tags)]
pub enum Tag {
    /// Signing in and out, and the first set-up.
    Auth,
    /// One's own account. With a session cookie only.
    Account,
    Workspaces,
    Tokens,
    Assistants,
    /// Projects, documents and search.
    Knowledge,
    /// Asking an assistant.
    Chat,
    Conversations,
    /// The people who write.
    Contacts,
    Tickets,
    Webhooks,
    /// SMS through Twilio.
    Sms,
    Analytics,
    /// What the widget on a customer's page calls, without an account.
    Widget,
    /// Sites with forms of their own, and what these call with the site's key.
    Sites,
    Models,
    /// What models may do besides talking: MCP servers, HTTP actions, the web search.
    Tools,
}
