//! The table `project_members`.

use rusqlite::{Connection, named_params};

use crate::{
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
    knowledge::model::{ProjectMember, ProjectRole},
};

/// Whether this person may change the documents of this project: an editor of it, as long as it is private.
pub fn is_editor(connection: &Connection, workspace_id: &str, project_id: &str, user_id: &str) -> Result<bool> {
    Ok(connection
        .prepare_cached(
            "select exists (select 1 from project_members m join projects p on p.row = m.project
             where m.workspace_id = ?1 and p.id = ?2 and p.visibility = 'private' and m.user_id = ?3 and m.role = 'editor')",
        )?
        .query_row((workspace_id, project_id, user_id), |row| row.get(0))?)
}

pub fn list_members(connection: &Connection, workspace_id: &str, project: i64) -> Result<Vec<ProjectMember>> {
    let mut statement = connection.prepare_cached(
        "select u.id, u.name, u.email, m.role, m.created_at from project_members m join users u on u.id = m.user_id
         where m.workspace_id = ?1 and m.project = ?2 order by m.row",
    )?;
    let members = statement.query_map((workspace_id, project), |row| {
        Ok(ProjectMember { user_id: row.get(0)?, name: row.get(1)?, email: row.get(2)?, role: row.get(3)?, created_at: row.get(4)? })
    })?;
    Ok(members.collect::<rusqlite::Result<_>>()?)
}

/// Makes somebody of the workspace a member of the project, or gives them another role.
pub fn put_member(tx: &Tx<'_>, workspace_id: &str, project: i64, user_id: &str, role: ProjectRole, now: Timestamp) -> Result<()> {
    let is_known: bool = tx
        .prepare_cached("select exists (select 1 from members where workspace_id = ?1 and user_id = ?2)")?
        .query_row((workspace_id, user_id), |row| row.get(0))?;
    if !is_known {
        return Err(Error::not_found("member"));
    }
    tx.prepare_cached(
        "insert into project_members (workspace_id, project, user_id, role, created_at) values (:ws, :project, :user_id, :role, :now)
         on conflict (project, user_id) do update set role = excluded.role",
    )?
    .execute(named_params! { ":ws": workspace_id, ":project": project, ":user_id": user_id, ":role": role, ":now": now })?;
    Ok(())
}

pub fn delete_member(tx: &Tx<'_>, workspace_id: &str, project: i64, user_id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from project_members where workspace_id = ?1 and project = ?2 and user_id = ?3")?.execute((workspace_id, project, user_id))? > 0)
}
