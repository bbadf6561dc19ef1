//! The table `projects`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::{
    access::Caller,
    clock::Timestamp,
    db::{Tx, on_unique},
    error::{Error, Result},
    http::Paging,
    knowledge::model::{Project, ProjectRole, ProjectStatus},
};

/// Whose eyes a project is looked up with.
#[derive(Debug, Clone, Copy)]
pub enum Sees<'a> {
    /// The product itself, and admins.
    All,
    /// This person: the workspace's projects, and the private ones that they are a member of.
    Person(&'a str),
}

impl Sees<'_> {
    fn user_id(&self) -> Option<&str> {
        match self {
            Sees::All => None,
            Sees::Person(user_id) => Some(user_id),
        }
    }
}

impl<'a> From<&'a Caller> for Sees<'a> {
    fn from(caller: &'a Caller) -> Self {
        if caller.is_admin() { Sees::All } else { Sees::Person(&caller.user_id) }
    }
}

/// `:user_id` is null for eyes that see everything.
const IS_SEEN: &str = "(visibility = 'workspace' or :user_id is null
    or exists (select 1 from project_members m where m.project = projects.row and m.user_id = :user_id))";

const COLUMNS: &str = "
    projects.id, projects.name, projects.description, projects.visibility, projects.created_at, projects.updated_at,
    (select count(*) from documents where documents.workspace_id = projects.workspace_id and documents.project = projects.row
        and not exists (select 1 from qa_pairs q where q.document = documents.row)),
    (select count(*) from qa_pairs q where q.workspace_id = projects.workspace_id and q.project = projects.row),
    (select coalesce(sum(chunk_count), 0) from documents where documents.workspace_id = projects.workspace_id and documents.project = projects.row),
    (select coalesce(sum(bytes), 0) from documents where documents.workspace_id = projects.workspace_id and documents.project = projects.row),
    exists (select 1 from documents where documents.workspace_id = projects.workspace_id and documents.project = projects.row
            and documents.status in ('pending', 'processing')),
    (select m.role from project_members m where projects.visibility = 'private' and m.project = projects.row and m.user_id = :user_id),
    :user_id is null";

fn read(row: &Row<'_>) -> rusqlite::Result<Project> {
    let (document_count, qa_count): (i64, i64) = (row.get(6)?, row.get(7)?);
    let is_busy: bool = row.get(10)?;
    let my_role: Option<ProjectRole> = row.get(11)?;
    let sees_all: bool = row.get(12)?;
    Ok(Project {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        visibility: row.get(3)?,
        can_edit: sees_all || my_role == Some(ProjectRole::Editor),
        my_role,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        document_count,
        qa_count,
        chunk_count: row.get(8)?,
        bytes: row.get(9)?,
        status: match (document_count + qa_count, is_busy) {
            (0, _) => ProjectStatus::Empty,
            (_, true) => ProjectStatus::Processing,
            (_, false) => ProjectStatus::Ready,
        },
    })
}

pub fn insert_project(tx: &Tx<'_>, workspace_id: &str, created_by: &str, project: &Project) -> Result<()> {
    tx.prepare_cached(
        "insert into projects (id, workspace_id, name, name_key, description, visibility, created_by, created_at, updated_at)
         values (:id, :workspace_id, :name, :name_key, :description, :visibility, :created_by, :created_at, :updated_at)",
    )?
    .execute(named_params! {
        ":id": project.id, ":workspace_id": workspace_id, ":name": project.name, ":name_key": project.name.to_lowercase(),
        ":description": project.description, ":visibility": project.visibility, ":created_by": created_by,
        ":created_at": project.created_at, ":updated_at": project.updated_at,
    })
    .map_err(on_unique("projects.name_key", name_is_taken))?;
    Ok(())
}

fn name_is_taken() -> Error {
    Error::conflict("There is already a project of this name in the workspace.").detail("name", "is taken")
}

pub fn find_project(connection: &Connection, workspace_id: &str, id: &str, sees: Sees<'_>) -> Result<Option<Project>> {
    Ok(connection
        .prepare_cached(&format!("select {COLUMNS} from projects where workspace_id = :workspace_id and id = :id and {IS_SEEN}"))?
        .query_row(named_params! { ":workspace_id": workspace_id, ":id": id, ":user_id": sees.user_id() }, read)
        .optional()?)
}

pub fn find_project_row(connection: &Connection, workspace_id: &str, id: &str, sees: Sees<'_>) -> Result<Option<i64>> {
    Ok(connection
        .prepare_cached(&format!("select row from projects where workspace_id = :workspace_id and id = :id and {IS_SEEN}"))?
        .query_row(named_params! { ":workspace_id": workspace_id, ":id": id, ":user_id": sees.user_id() }, |row| row.get(0))
        .optional()?)
}

/// The oldest project with its workspace: where there is but one.
pub fn first_project(connection: &Connection) -> Result<Option<(String, String)>> {
    Ok(connection
        .prepare_cached("select workspace_id, id from projects order by row limit 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The rows of those of these projects that are the workspace's.
pub fn project_rows(connection: &Connection, workspace_id: &str, ids: &[String]) -> Result<Vec<i64>> {
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.extend(find_project_row(connection, workspace_id, id, Sees::All)?);
    }
    Ok(rows)
}

pub fn list_projects(connection: &Connection, workspace_id: &str, sees: Sees<'_>, paging: Paging) -> Result<(Vec<Project>, i64)> {
    let data = connection
        .prepare_cached(&format!(
            "select {COLUMNS} from projects where workspace_id = :workspace_id and {IS_SEEN} order by created_at desc, row desc limit :limit offset :offset"
        ))?
        .query_map(named_params! { ":workspace_id": workspace_id, ":user_id": sees.user_id(), ":limit": paging.limit, ":offset": paging.offset }, read)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached(&format!("select count(*) from projects where workspace_id = :workspace_id and {IS_SEEN}"))?
        .query_row(named_params! { ":workspace_id": workspace_id, ":user_id": sees.user_id() }, |row| row.get(0))?;
    Ok((data, total))
}

pub fn update_project(tx: &Tx<'_>, workspace_id: &str, project: &Project) -> Result<()> {
    tx.prepare_cached(
        "update projects set name = :name, name_key = :name_key, description = :description, visibility = :visibility, updated_at = :updated_at
         where workspace_id = :workspace_id and id = :id",
    )?
    .execute(named_params! {
        ":workspace_id": workspace_id, ":id": project.id, ":name": project.name, ":name_key": project.name.to_lowercase(),
        ":description": project.description, ":visibility": project.visibility, ":updated_at": project.updated_at,
    })
    .map_err(on_unique("projects.name_key", name_is_taken))?;
    Ok(())
}

pub fn touch_project(tx: &Tx<'_>, project: i64, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update projects set updated_at = ?2 where row = ?1")?.execute((project, now))?;
    Ok(())
}

/// Only once its documents are gone.
pub fn delete_project(tx: &Tx<'_>, workspace_id: &str, project: i64) -> Result<()> {
    tx.prepare_cached("delete from projects where workspace_id = ?1 and row = ?2")?.execute((workspace_id, project))?;
    Ok(())
}

/// From which confidence on a question counts as answered by this project; nothing where it was never judged.
pub fn calibration(connection: &Connection, project: i64) -> Result<Option<f64>> {
    let text: Option<String> = connection.prepare_cached("select calibration from projects where row = ?1")?.query_row([project], |row| row.get(0)).optional()?.flatten();
    Ok(text.and_then(|text| text.parse().ok()))
}

pub fn set_calibration(tx: &Tx<'_>, project: i64, min_confidence: Option<f64>) -> Result<()> {
    tx.prepare_cached("update projects set calibration = ?2 where row = ?1")?.execute((project, min_confidence.map(|value| value.to_string())))?;
    Ok(())
}

pub fn find_project_by_name(connection: &Connection, workspace_id: &str, name: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached("select id from projects where workspace_id = ?1 and name_key = ?2")?
        .query_row((workspace_id, name.to_lowercase()), |row| row.get(0))
        .optional()?)
}

/// Workspaces and ids of the projects with this id or name, for the command line.
pub fn find_by_id_or_name(connection: &Connection, text: &str) -> Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached("select workspace_id, id from projects where id = ?1 or name = ?1 order by row")?;
    Ok(statement.query_map([text], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// How many of a project's documents are still to be read, and how many there are.
pub fn count_unread(connection: &Connection, workspace_id: &str, project_id: &str) -> Result<(i64, i64)> {
    Ok(connection
        .prepare_cached(
            "select count(*) filter (where d.status in ('pending', 'processing')), count(*)
             from documents d join projects p on p.row = d.project where p.workspace_id = ?1 and p.id = ?2",
        )?
        .query_row((workspace_id, project_id), |row| Ok((row.get(0)?, row.get(1)?)))?)
}
