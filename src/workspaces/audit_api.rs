//! The audit log, for the workspace's admins.

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query};

use crate::{
    access::Editor,
    app::App,
    audit::{self, Action, AuditEntry, Filter},
    clock::Timestamp,
    error::{Error, Result},
    http::{Listing, Paging, Tag},
};

pub struct AuditApi;

#[OpenApi(prefix_path = "/api/workspaces/:ws/audit", tag = "Tag::Workspaces")]
impl AuditApi {
    /// Who did what to which resource, from where, when
    #[oai(path = "/", method = "get", operation_id = "list_audit")]
    #[expect(clippy::too_many_arguments, reason = "they are the query's parameters")]
    async fn list_audit(
        &self,
        app: Data<&App>,
        who: Editor,
        /// Like `member.role_changed`.
        action: Query<Option<String>>,
        /// Who did it.
        #[oai(name = "userId")]
        user_id: Query<Option<String>>,
        #[oai(name = "resourceId")] resource_id: Query<Option<String>>,
        /// From this time on.
        from: Query<Option<Timestamp>>,
        /// Before this time.
        to: Query<Option<Timestamp>>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<AuditEntry>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let action = action.0.map(|name| Action::from_name(&name).ok_or_else(|| Error::invalid("action", "is no action of the log"))).transpose()?;
        let filter = Filter { action, user_id: user_id.0, resource_id: resource_id.0, from: from.0, to: to.0 };
        let (data, total) = app.db.read(|connection| audit::list(connection, &who.workspace_id, &filter, paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: false })
    }
}
