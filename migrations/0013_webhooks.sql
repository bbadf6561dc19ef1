-- Webhooks, and what was or will be sent to them.

create table webhooks (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    url text not null,
    -- A JSON array of event names, or ["*"].
    events text not null,
    description text,
    active integer not null check (active in (0, 1)),
    -- Why it was switched off, where nobody did.
    disabled_reason text,
    -- Sealed. For a day after a rotation both secrets sign.
    secret blob not null,
    previous_secret blob,
    previous_until integer,
    last_delivery_at integer,
    -- Attempts that have failed one after the other, and since when.
    failure_count integer not null,
    failing_since integer,
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, id)
) strict;
create index webhooks_by_age on webhooks (workspace_id, created_at);

create table webhook_deliveries (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    webhook_id text not null,
    -- The event's id, which the receiver knows it by: the same at every attempt.
    event_id text not null,
    -- The name that it is delivered under.
    event text not null,
    resource_id text not null,
    -- As it is sent; null once it was erased.
    body text,
    status text not null check (status in ('pending', 'delivered', 'failed')),
    attempts integer not null,
    next_attempt_at integer not null,
    -- Taken by a worker; a new process gives it back.
    taken integer not null check (taken in (0, 1)),
    -- JSON objects: of the last attempt.
    request_headers text,
    response_status integer,
    response_headers text,
    response_body text,
    error text,
    duration_ms integer,
    last_attempt_at integer,
    delivered_at integer,
    created_at integer not null,
    unique (webhook_id, event_id),
    foreign key (workspace_id, webhook_id) references webhooks (workspace_id, id) on delete cascade
) strict;
create index webhook_deliveries_due on webhook_deliveries (webhook_id, next_attempt_at) where status = 'pending' and taken = 0;
create index webhook_deliveries_by_webhook on webhook_deliveries (workspace_id, webhook_id, row);
create index webhook_deliveries_by_resource on webhook_deliveries (workspace_id, resource_id);
create index webhook_deliveries_by_age on webhook_deliveries (created_at);
