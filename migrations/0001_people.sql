-- Who there is and what they may do: users, sessions, workspaces, members, API tokens; and the durable queue.
--
-- Conventions of every migration: each table is strict and has `row` as its integer primary key; `id` is the public id,
-- made before the write; times are milliseconds since 1970 in UTC; nothing is defaulted to a time or a random value; the
-- workspace comes first in every index of what belongs to one.

create table migrations (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at integer not null
) strict;

-- Facts about this database as a whole: the fingerprint of the key that its secrets are sealed with, say.
create table instance (
    row integer primary key,
    name text not null unique,
    value text not null
) strict;

create table users (
    row integer primary key,
    id text not null unique,
    -- As given; `email_key` is its lower-case form, by which people are found.
    email text not null,
    email_key text not null unique,
    name text not null,
    -- An Argon2id PHC string; null for those who come by another way only.
    password_hash text,
    created_at integer not null,
    updated_at integer not null
) strict;

create table sessions (
    row integer primary key,
    id text not null unique,
    user_id text not null references users (id) on delete cascade,
    token_hash text not null unique,
    -- How long each use prolongs it.
    lifetime_ms integer not null,
    user_agent text,
    address text,
    last_workspace_id text,
    created_at integer not null,
    last_used_at integer not null,
    expires_at integer not null
) strict;
create index sessions_by_user on sessions (user_id, created_at);

-- One-time links: the first set-up, and a sign-in without a password that the command line hands out.
create table links (
    row integer primary key,
    token_hash text not null unique,
    kind text not null check (kind in ('setup', 'signin')),
    user_id text references users (id) on delete cascade,
    created_at integer not null,
    expires_at integer not null,
    check ((kind = 'signin') = (user_id is not null))
) strict;

create table workspaces (
    row integer primary key,
    id text not null unique,
    name text not null,
    slug text not null unique,
    description text,
    default_model text,
    -- A JSON array of model names; empty allows every one.
    allowed_models text not null,
    -- A JSON object, as the API shows it.
    settings text not null,
    created_at integer not null,
    updated_at integer not null
) strict;

create table members (
    row integer primary key,
    workspace_id text not null references workspaces (id) on delete cascade,
    user_id text not null references users (id) on delete cascade,
    role text not null check (role in ('owner', 'admin', 'member', 'guest')),
    created_at integer not null,
    unique (workspace_id, user_id)
) strict;
create index members_by_user on members (user_id, workspace_id);

create table api_tokens (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    -- Who made it, and with whose role it acts. It dies with its maker's membership.
    user_id text not null,
    name text not null,
    token_hash text not null unique,
    last_four text not null,
    created_at integer not null,
    expires_at integer,
    last_used_at integer,
    foreign key (workspace_id, user_id) references members (workspace_id, user_id) on delete cascade
) strict;
create index api_tokens_by_workspace on api_tokens (workspace_id, created_at);

create table jobs (
    row integer primary key,
    id text not null unique,
    workspace_id text references workspaces (id) on delete cascade,
    kind text not null,
    -- JSON, for the kind's handler alone.
    payload text not null,
    -- Jobs with the same key run one after the other, in the order they came.
    lane text,
    state text not null check (state in ('waiting', 'running', 'failed')),
    attempts integer not null,
    run_at integer not null,
    leased_until integer,
    last_error text,
    created_at integer not null
) strict;
create index jobs_due on jobs (state, run_at);
create index jobs_by_lane on jobs (lane, row) where lane is not null;
