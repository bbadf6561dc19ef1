//! The closed list of what is told of, and a line of the log.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Timestamp;

macro_rules! actions {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// What was done. The part before the dot is the kind of resource.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
        #[oai(rename = "AuditAction")]
        pub enum Action {
            $(#[oai(rename = $name)] #[serde(rename = $name)] $variant),*
        }

        impl Action {
            pub const ALL: &'static [Action] = &[$(Action::$variant),*];

            pub const fn name(self) -> &'static str {
                match self { $(Action::$variant => $name),* }
            }
        }
    };
}

actions! {
    SignedUp "account.created",
    SignedIn "session.created",
    SignInFailed "session.refused",
    SignedOut "session.ended",
    SessionRevoked "session.revoked",
    PasswordChanged "password.changed",
    PasswordReset "password.reset",
    TotpEnabled "totp.enabled",
    TotpDisabled "totp.disabled",
    WorkspaceCreated "workspace.created",
    WorkspaceUpdated "workspace.updated",
    WorkspaceTransferred "workspace.transferred",
    WorkspaceDeleted "workspace.deleted",
    InvitationCreated "invitation.created",
    InvitationRevoked "invitation.revoked",
    MemberJoined "member.joined",
    RoleChanged "member.role_changed",
    MemberRemoved "member.removed",
    TokenCreated "token.created",
    TokenRevoked "token.revoked",
    AssistantDeleted "assistant.deleted",
    ProjectDeleted "project.deleted",
    DocumentDeleted "document.deleted",
    ConversationDeleted "conversation.deleted",
    ConversationExported "conversation.exported",
    ContactDeleted "contact.deleted",
    ContactsExported "contact.exported",
    TicketDeleted "ticket.deleted",
    ProviderSaved "provider.saved",
    ProviderDeleted "provider.deleted",
    SmsSaved "sms.saved",
    SmsDeleted "sms.deleted",
    WebhookSaved "webhook.saved",
    WebhookDeleted "webhook.deleted",
}

impl Action {
    pub fn from_name(name: &str) -> Option<Action> {
        Action::ALL.iter().copied().find(|action| action.name() == name)
    }
}

/// A line of the audit log.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct AuditEntry {
    pub id: String,
    /// Like `member.role_changed`; the part before the dot is the kind of resource.
    pub action: String,
    /// Who did it; null for nobody known.
    pub user_id: Option<String>,
    /// Their name as it is now; null once they are gone.
    pub user_name: Option<String>,
    /// The API token that acted for them.
    pub token_id: Option<String>,
    pub resource_id: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// What else there is to say, by action: `from` and `to` of a role, for instance.
    pub details: Value,
    pub created_at: Timestamp,
}

/// A line to be written.
#[derive(Debug, Clone)]
pub struct NewEntry {
    pub workspace_id: Option<String>,
    pub user_id: Option<String>,
    pub token_id: Option<String>,
    pub action: Action,
    pub resource_id: Option<String>,
    pub address: Option<String>,
    pub details: Value,
}

impl NewEntry {
    /// Somebody who is told of only by what they did.
    pub fn new(action: Action) -> Self {
        NewEntry { workspace_id: None, user_id: None, token_id: None, action, resource_id: None, address: None, details: json!({}) }
    }

    #[must_use]
    pub fn by(mut self, user_id: &str) -> Self {
        self.user_id = Some(user_id.to_owned());
        self
    }

    #[must_use]
    pub fn within(mut self, workspace_id: &str) -> Self {
        self.workspace_id = Some(workspace_id.to_owned());
        self
    }

    #[must_use]
    pub fn on(mut self, resource_id: impl Into<String>) -> Self {
        self.resource_id = Some(resource_id.into());
        self
    }

    #[must_use]
    pub fn from(mut self, address: impl std::fmt::Display) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// Anything but a secret.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}
