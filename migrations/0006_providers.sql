-- Who else may use a private assistant, what it was before each change, what it may cost a day; and the providers that a
-- workspace has of its own.

create table assistant_grants (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    user_id text not null,
    -- Stays when the person goes.
    granted_by text,
    created_at integer not null,
    unique (workspace_id, assistant_id, user_id),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade,
    -- A grant ends with the membership: whoever comes back is granted anew.
    foreign key (workspace_id, user_id) references members (workspace_id, user_id) on delete cascade
) strict;
create index assistant_grants_by_user on assistant_grants (workspace_id, user_id);

-- An assistant as it was after each change.
create table assistant_versions (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    -- The assistant's `version` at that time.
    number integer not null,
    -- JSON: every field that can be written.
    fields text not null,
    changed_by text,
    created_at integer not null,
    unique (workspace_id, assistant_id, number),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;

-- JSON, as the API shows it: how much of a provider an assistant may use a day.
alter table assistants add column budget text not null default '{}';

-- What an assistant has had of providers on a day (in UTC).
create table assistant_usage (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    -- Days since 1970-01-01.
    day integer not null,
    answers integer not null,
    input_tokens integer not null,
    output_tokens integer not null,
    unique (workspace_id, assistant_id, day),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;

create table providers (
    row integer primary key,
    workspace_id text not null references workspaces (id) on delete cascade,
    name text not null,
    kind text not null,
    -- Null: the kind's own address.
    base_url text,
    -- Sealed; and the end of it, by which people recognise it.
    api_key blob,
    key_hint text,
    -- A JSON array of model names; empty where the provider is asked.
    models text not null,
    enabled integer not null,
    fallback_model text,
    retries integer not null,
    first_byte_seconds integer not null,
    idle_seconds integer not null,
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, name)
) strict;
