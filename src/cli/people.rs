//! `illumichat user` and `illumichat token`. They work beside a running server.

use std::io::{BufRead, IsTerminal};

use clap::Subcommand;
use serde_json::json;

use super::{Common, print_json, print_line};
use crate::{
    access::{self, Role, User},
    app::App,
    audit::{Action, NewEntry},
    clock::Timestamp,
    error::{Error, Result},
    secrets,
    workspaces::{service, store as workspaces},
};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Make a user in a workspace; the workspace is made where there is none of that name
    Create {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// The workspace's name or id
        #[arg(long)]
        workspace: String,
        /// owner, admin, member or guest
        #[arg(long, default_value = "member")]
        role: String,
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all users
    List,
    /// Give a user a new password; they are signed out everywhere
    ResetPassword {
        #[arg(long)]
        email: String,
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a user
    Delete {
        #[arg(long)]
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make an API token and print it alone
    Create {
        /// Whose rights it has
        #[arg(long)]
        email: String,
        /// The workspace's name or id
        #[arg(long)]
        workspace: String,
        #[arg(long)]
        name: String,
        /// When it ends, as 2027-01-31T00:00:00Z
        #[arg(long)]
        expires_at: Option<String>,
    },
    /// List a workspace's tokens
    List {
        #[arg(long)]
        workspace: String,
    },
    /// Revoke a token by its id
    Revoke {
        #[arg(long)]
        workspace: String,
        id: String,
    },
}

pub(super) async fn user(common: &Common, command: UserCommand) -> Result<()> {
    let app = if matches!(command, UserCommand::Create { .. }) { common.open_or_create()? } else { common.open()? };
    match command {
        UserCommand::Create { email, name, workspace, role, password_stdin } => {
            let role = Role::parse(&role).ok_or_else(|| Error::bad_request(format!("`{role}` is no role; choose owner, admin, member or guest.")))?;
            let password = read_password(password_stdin)?;
            let new = service::prepare_user(&app, &email, &name, Some(password)).await?;
            let (user_id, workspace_id) = service::add_user(&app, new, &workspace, role).await?;
            if common.json {
                return print_json(&json!({"userId": user_id, "workspaceId": workspace_id}));
            }
            print_line(&format!("Made {email} ({user_id}), {} of workspace {workspace_id}.", role.name()))
        }
        UserCommand::List => {
            let users = app.db.read(access::store::list_users)?;
            if common.json {
                return print_json(&json!(users.iter().map(|user| json!({"id": user.id, "email": user.email, "name": user.name, "createdAt": user.created_at})).collect::<Vec<_>>()));
            }
            users.iter().try_for_each(|user| print_line(&format!("{}  {}  {}", user.id, user.email, user.name)))
        }
        UserCommand::ResetPassword { email, password_stdin } => {
            let user = find_user(&app, &email)?;
            let password = read_password(password_stdin)?;
            access::check_password_rules("password", &password)?;
            let hash = secrets::hash_password(&password, &app.ids)?;
            let (now, ids) = (app.now(), app.ids.clone());
            app.db
                .write(move |tx| {
                    access::store::set_password(tx, &user.id, &hash, now)?;
                    access::store::delete_sessions(tx, &user.id, None)?;
                    access::record_account(tx, &ids, now, &NewEntry::new(Action::PasswordReset).by(&user.id).on(&user.id).with(json!({"by": "command line"})))
                })
                .await?;
            print_line(&format!("{email} has a new password and is signed out everywhere."))
        }
        UserCommand::Delete { email } => {
            let user = find_user(&app, &email)?;
            let (now, ids) = (app.now(), app.ids.clone());
            app.db.write(move |tx| service::delete_user(tx, &ids, &user.id, now)).await?;
            print_line(&format!("{email} is removed."))
        }
    }
}

pub(super) async fn token(common: &Common, command: TokenCommand) -> Result<()> {
    let app = common.open()?;
    match command {
        TokenCommand::Create { email, workspace, name, expires_at } => {
            let expires_at = expires_at
                .map(|text| Timestamp::parse(&text).ok_or_else(|| Error::bad_request(format!("`{text}` is no time like 2027-01-31T00:00:00Z."))))
                .transpose()?;
            let user = find_user(&app, &email)?;
            let workspace_id = find_workspace(&app, &workspace)?;
            match app.db.read(|connection| access::store::find_role(connection, &workspace_id, &user.id))? {
                None => return Err(Error::bad_request(format!("{email} is not a member of the workspace `{workspace}`."))),
                Some(role) if role < access::Role::Member => {
                    return Err(Error::bad_request(format!("{email} is a guest in `{workspace}`, and guests have no API tokens. Make them a member first.")));
                }
                Some(_) => {}
            }
            let token = access::new_token(&app, &workspace_id, &user.id, &name, expires_at).await?;
            print_line(token.secret())
        }
        TokenCommand::List { workspace } => {
            let workspace_id = find_workspace(&app, &workspace)?;
            let (tokens, _) = app.db.read(|connection| access::store::list_tokens(connection, &workspace_id, None, i64::MAX, 0))?;
            if common.json {
                return print_json(&tokens);
            }
            tokens.iter().try_for_each(|token| {
                let used = token.last_used_at.map_or_else(|| "never used".to_owned(), |time| format!("last used {time}"));
                print_line(&format!("{}  …{}  {}  {used}", token.id, token.last_four, token.name))
            })
        }
        TokenCommand::Revoke { workspace, id } => {
            let workspace_id = find_workspace(&app, &workspace)?;
            let wanted = id.clone();
            if !app.db.write(move |tx| access::store::delete_token(tx, &workspace_id, &wanted, None)).await? {
                return Err(Error::not_found("token in this workspace"));
            }
            print_line(&format!("{id} is revoked."))
        }
    }
}

fn find_user(app: &App, email: &str) -> Result<User> {
    app.db
        .read(|connection| access::store::find_user_by_email(connection, email))?
        .ok_or_else(|| Error::new(crate::error::Code::NotFound, format!("There is no user with the email {email}. `illumichat user list` shows all.")))
}

/// The one workspace with this id or name.
pub(super) fn find_workspace(app: &App, text: &str) -> Result<String> {
    let found = app.db.read(|connection| workspaces::find_by_id_or_name(connection, text))?;
    match found.as_slice() {
        [(id, _)] => Ok(id.clone()),
        [] => Err(Error::new(crate::error::Code::NotFound, format!("There is no workspace `{text}`."))),
        several => {
            let ids: Vec<&str> = several.iter().map(|(id, _)| id.as_str()).collect();
            Err(Error::conflict(format!("Several workspaces are called `{text}`. Name one by its id: {}.", ids.join(", "))))
        }
    }
}

fn read_password(from_stdin: bool) -> Result<String> {
    let stdin = std::io::stdin();
    if !from_stdin && !stdin.is_terminal() {
        return Err(Error::bad_request("The password is read from the terminal, and there is none. Add `--password-stdin` and pipe it in."));
    }
    if !from_stdin {
        eprint!("Password: ");
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
