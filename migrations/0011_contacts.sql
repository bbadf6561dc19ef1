-- The people who write to a workspace: how they are reached, what is noted of them, who is kept out, and lists of them on
-- their way in.

create table contacts (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    name text,
    -- As given; `email_key` is its lower-case form, by which people are found.
    email text,
    email_key text,
    -- E.164.
    phone text,
    external_id text,
    company text,
    avatar_url text,
    -- A JSON array, and a JSON object.
    tags text not null,
    attributes text not null,
    source text not null,
    -- Whether their own site has vouched for who they are.
    verified integer not null check (verified in (0, 1)),
    first_seen_at integer,
    last_seen_at integer,
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, id)
) strict;
create unique index contacts_by_email on contacts (workspace_id, email_key) where email_key is not null;
create unique index contacts_by_phone on contacts (workspace_id, phone) where phone is not null;
create unique index contacts_by_external_id on contacts (workspace_id, external_id) where external_id is not null;
create index contacts_by_age on contacts (workspace_id, created_at);

create index conversations_by_contact on conversations (workspace_id, contact_id, last_message_at) where contact_id is not null;

create table contact_notes (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    contact_id text not null,
    author_id text,
    -- The author's name at the time.
    author text,
    body text not null,
    created_at integer not null,
    foreign key (workspace_id, contact_id) references contacts (workspace_id, id) on delete cascade
) strict;
create index contact_notes_by_contact on contact_notes (workspace_id, contact_id, created_at);

-- Who is kept out: one contact, an email address, or everyone of a domain.
create table blocks (
    row integer primary key,
    workspace_id text not null references workspaces (id) on delete cascade,
    -- The contact that it was set at.
    contact_id text not null,
    kind text not null check (kind in ('contact', 'address', 'domain')),
    value text not null,
    created_by text,
    created_at integer not null,
    unique (workspace_id, kind, value),
    foreign key (workspace_id, contact_id) references contacts (workspace_id, id) on delete cascade
) strict;
create index blocks_by_contact on blocks (workspace_id, contact_id);

create table contact_imports (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    status text not null check (status in ('pending', 'running', 'completed', 'failed')),
    dry_run integer not null check (dry_run in (0, 1)),
    -- JSON: which column is which field.
    mapping text not null,
    -- What becomes of a row whose contact is there already.
    duplicates text not null check (duplicates in ('update', 'skip')),
    -- The file, until the import is over.
    content blob,
    rows integer not null,
    -- How far it has come: written in the transaction that has these rows' effect.
    processed integer not null,
    created integer not null,
    updated integer not null,
    skipped integer not null,
    -- A JSON array: the rows that were not taken, by number, with the field and why; no values.
    errors text not null,
    error text,
    created_by text,
    created_at integer not null,
    finished_at integer
) strict;
create index contact_imports_by_age on contact_imports (workspace_id, created_at);

-- What was erased is overwritten in the full-text index as well.
insert into messages_fts (messages_fts, rank) values ('secure-delete', 1);
