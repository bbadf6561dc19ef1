//! Users, roles, sessions and tokens, as the API shows them.

use std::time::Duration;

use poem_openapi::{Enum, Object};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

/// What somebody is in a workspace; each may do what the ones before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Guest,
    Member,
    Admin,
    Owner,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Guest, Role::Member, Role::Admin, Role::Owner];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Guest => "guest",
            Role::Member => "member",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl ToSql for Role {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Role::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
pub struct User {
    pub id: String,
    pub email: String,
    pub name: String,
    /// A picture of them, which the customers see whom they answer.
    pub avatar_url: Option<String>,
    /// Whether signing in takes a code of an authenticator app too.
    pub totp_enabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A browser that somebody is signed in with.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct Session {
    pub id: String,
    pub user_agent: Option<String>,
    pub address: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

/// An API token without its secret.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Token {
    pub id: String,
    pub name: String,
    /// The last four characters, by which its owner recognises it.
    pub last_four: String,
    /// Who made it; it may do what they may.
    pub created_by: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

pub const SESSION_REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);
pub const SESSION_SHORT: Duration = Duration::from_secs(12 * 3600);

/// The form that emails are compared in.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// An email address of the usual form: something, an @, a name with a dot (or `localhost`).
pub fn check_email(email: &str) -> Result<String> {
    let email = email.trim();
    let well_formed = email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"'))
        && email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.contains('@') && domain.len() > 2 && domain.split('.').all(|label| !label.is_empty()) && (domain.contains('.') || domain == "localhost")
        });
    if well_formed { Ok(email.to_owned()) } else { Err(Error::invalid("email", "is not an email address")) }
}

/// A picture's address: on the web, or a file of this server's.
pub fn check_avatar(url: &str) -> Result<()> {
    let is_here = url.starts_with('/') && !url.starts_with("//");
    if url.chars().count() > 2_000 || !(is_here || url.starts_with("https://")) {
        return Err(Error::invalid("avatarUrl", "must begin with https://, or be the address of an upload, and have at most 2000 characters"));
    }
    Ok(())
}

/// A person's or a thing's name: trimmed, not empty, at most `most` characters, without control characters.
pub fn check_name(field: &str, name: &str, most: usize) -> Result<String> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::invalid(field, "must not be empty"));
    }
    if name.chars().count() > most {
        return Err(Error::invalid(field, format!("must have at most {most} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must not contain control characters"));
    }
    Ok(name.to_owned())
}
