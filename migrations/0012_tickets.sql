-- Tickets: what somebody wants and how far it is, with every change.

create table tickets (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    -- Counts up in the workspace, without gaps.
    number integer not null,
    subject text not null,
    description text not null,
    status text not null check (status in ('new', 'open', 'in_progress', 'waiting_on_customer', 'resolved', 'closed', 'spam')),
    priority text not null check (priority in ('critical', 'high', 'normal', 'low')),
    contact_id text references contacts (id) on delete set null,
    conversation_id text references conversations (id) on delete set null,
    assignee_id text,
    assistant_id text,
    -- A JSON array.
    tags text not null,
    source text not null check (source in ('dashboard', 'api', 'widget', 'assistant', 'conversation', 'sms', 'site')),
    first_response_due_at integer,
    resolution_due_at integer,
    first_response_at integer,
    resolved_at integer,
    -- Whether it has been told that a target was missed.
    first_response_breached integer not null check (first_response_breached in (0, 1)),
    resolution_breached integer not null check (resolution_breached in (0, 1)),
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, id),
    unique (workspace_id, number)
) strict;
create index tickets_by_age on tickets (workspace_id, created_at);
create index tickets_by_contact on tickets (workspace_id, contact_id, created_at) where contact_id is not null;
create index tickets_by_conversation on tickets (workspace_id, conversation_id) where conversation_id is not null;
create index tickets_awaited on tickets (first_response_due_at) where first_response_at is null and first_response_breached = 0 and resolved_at is null;
create index tickets_unresolved on tickets (resolution_due_at) where resolved_at is null and resolution_breached = 0;

-- The last number that a workspace has given.
create table ticket_numbers (
    row integer primary key,
    workspace_id text not null unique references workspaces (id) on delete cascade,
    last integer not null
) strict;

create table ticket_comments (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    ticket_id text not null,
    -- Null for the customer and for machines.
    author_id text,
    author text,
    is_customer integer not null check (is_customer in (0, 1)),
    body text not null,
    internal integer not null check (internal in (0, 1)),
    created_at integer not null,
    foreign key (workspace_id, ticket_id) references tickets (workspace_id, id) on delete cascade
) strict;
create index ticket_comments_by_ticket on ticket_comments (workspace_id, ticket_id, row);

create table ticket_changes (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    ticket_id text not null,
    field text not null,
    -- JSON values.
    before text not null,
    after text not null,
    actor_id text,
    actor text not null,
    created_at integer not null,
    foreign key (workspace_id, ticket_id) references tickets (workspace_id, id) on delete cascade
) strict;
create index ticket_changes_by_ticket on ticket_changes (workspace_id, ticket_id, row);

-- How far each reader of the events has come: who tells of them, or acts on them, goes on from here.
create table event_readers (
    row integer primary key,
    name text not null unique,
    sequence integer not null
) strict;
