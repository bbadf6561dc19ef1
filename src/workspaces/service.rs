//! Making people and workspaces: at the first set-up, by the command line, and by somebody who may.

use super::{
    model::{Settings, check_workspace_name, slug},
    store,
};
use crate::{
    access::{
        Role, User, check_password_rules,
        model::{check_email, check_name},
        store as people,
    },
    app::App,
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
    events::{self, Kind, NewEvent},
    ids::{Ids, prefix},
    secrets,
};

/// Somebody to be made, with what has been checked already.
pub struct NewUser {
    pub user: User,
    pub password_hash: Option<String>,
}

/// Checks what was typed and hashes the password (slow, so off the async workers).
pub async fn prepare_user(app: &App, email: &str, name: &str, password: Option<String>) -> Result<NewUser> {
    let now = app.now();
    let email = check_email(email)?;
    let name = check_name("name", name, 120)?;
    let password_hash = match password {
        Some(password) => {
            check_password_rules("password", &password)?;
            let ids = app.ids.clone();
            Some(tokio::task::spawn_blocking(move || secrets::hash_password(&password, &ids)).await.map_err(Error::internal)??)
        }
        None => None,
    };
    Ok(NewUser { user: User { id: app.ids.new_id(prefix::USER, now), email, name, avatar_url: None, totp_enabled: false, created_at: now, updated_at: now }, password_hash })
}

/// Makes a workspace with its first owner. Its name must be new among that person's.
pub fn create_workspace(tx: &Tx<'_>, id: &str, owner_id: &str, name: &str, description: Option<&str>, now: Timestamp) -> Result<()> {
    let name = check_workspace_name("name", name)?;
    if store::name_is_taken(tx, owner_id, &name, None)? {
        return Err(Error::conflict("You already have a workspace of this name.").detail("name", "is taken"));
    }
    let base = slug(&name);
    let mut slug = base.clone();
    let mut number = 2;
    while store::slug_is_taken(tx, &slug)? {
        slug = format!("{base}-{number}");
        number += 1;
    }
    store::insert_workspace(tx, id, &name, &slug, description, &Settings::default(), now)?;
    people::insert_member(tx, id, owner_id, Role::Owner, now)
}

/// The first set-up: the first user and their workspace, in one transaction. Refused once there is somebody.
pub async fn set_up(app: &App, new: NewUser, workspace: String, link_hash: Option<String>) -> Result<(String, String)> {
    let (now, workspace_id, user_id) = (app.now(), app.new_id(prefix::WORKSPACE), new.user.id.clone());
    let ids = (user_id.clone(), workspace_id.clone());
    app.db
        .write(move |tx| {
            if let Some(hash) = link_hash {
                people::take_link(tx, people::LinkKind::Setup, &hash, now)?.ok_or_else(|| {
                    Error::unauthorized("This set-up link is not valid any more. Restart the server to get a new one.").context("auth")
                })?;
            }
            if people::any_user(tx)? {
                return Err(Error::conflict("This server has been set up already. Sign in instead.").context("auth"));
            }
            people::insert_user(tx, &new.user, new.password_hash.as_deref())?;
            create_workspace(tx, &workspace_id, &user_id, &workspace, None, now)
        })
        .await?;
    Ok(ids)
}

/// What the command line does for `user create`: a new user in a workspace that is named by id or name, and made where
/// there is none of that name. The ids of user and workspace.
pub async fn add_user(app: &App, new: NewUser, workspace: &str, role: Role) -> Result<(String, String)> {
    let (now, workspace, fresh, user_id, ids) = (app.now(), workspace.to_owned(), app.new_id(prefix::WORKSPACE), new.user.id.clone(), app.ids.clone());
    app.db
        .write(move |tx| {
            let found = store::find_by_id_or_name(tx, &workspace)?;
            people::insert_user(tx, &new.user, new.password_hash.as_deref())?;
            let workspace_id = match found.as_slice() {
                [] if workspace.starts_with("ws_") => return Err(Error::not_found("workspace")),
                [] if role != Role::Owner => {
                    return Err(Error::bad_request(format!("There is no workspace `{workspace}` yet, and its first member must be an owner: add `--role owner`.")));
                }
                [] => {
                    create_workspace(tx, &fresh, &user_id, &workspace, None, now)?;
                    fresh
                }
                [(id, _)] => {
                    people::insert_member(tx, id, &user_id, role, now)?;
                    tell_member(tx, &ids, Kind::MemberJoined, id, &user_id, now)?;
                    id.clone()
                }
                several => {
                    let ids: Vec<&str> = several.iter().map(|(id, _)| id.as_str()).collect();
                    return Err(Error::conflict(format!("Several workspaces are called `{workspace}`. Name one by its id: {}.", ids.join(", "))));
                }
            };
            Ok((user_id, workspace_id))
        })
        .await
}

/// Removes a user, unless they are the last owner of a workspace.
pub fn delete_user(tx: &Tx<'_>, ids: &Ids, user_id: &str, now: Timestamp) -> Result<()> {
    if let Some(name) = store::find_workspace_with_last_owner(tx, user_id)? {
        return Err(Error::conflict(format!("They are the last owner of the workspace `{name}`. Make somebody else an owner first.")));
    }
    for workspace_id in people::list_workspace_ids(tx, user_id)? {
        tell_member(tx, ids, Kind::MemberLeft, &workspace_id, user_id, now)?;
    }
    people::delete_user(tx, user_id)
}

/// Tells that somebody has come or is about to go.
pub(super) fn tell_member(tx: &Tx<'_>, ids: &Ids, kind: Kind, workspace_id: &str, user_id: &str, now: Timestamp) -> Result<()> {
    let Some(member) = store::find_member(tx, workspace_id, user_id)? else { return Ok(()) };
    events::emit(tx, ids, now, &NewEvent { workspace_id, kind, resource_id: user_id, data: serde_json::to_value(&member)? })
}
