-- What has happened, written by the transaction that made it happen: webhooks and the event streams tell of it from here.

create table events (
    -- Counts up, so that a reader who knows the last one that it has told misses none. Never given twice.
    row integer primary key autoincrement,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    kind text not null,
    -- What it happened to: events of one resource are told in order.
    resource_id text not null,
    -- JSON: the resource as the API shows it.
    data text not null,
    created_at integer not null
) strict;
create index events_by_workspace on events (workspace_id, row);
create index events_by_age on events (created_at);
