-- People in the conversation: who has it, what was read, files, canned replies, leads and feedback, and the sites whose own
-- forms write to us.

-- Made anew, because a site's conversation may have no assistant.
create table conversations_new (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    assistant_id text,
    title text,
    channel text not null check (channel in ('api', 'dashboard', 'widget', 'sms', 'site')),
    status text not null check (status in ('open', 'pending', 'closed')),
    handler text not null check (handler in ('ai', 'human')),
    -- Whose it is, for the API and the dashboard; null for visitors.
    user_id text,
    assignee_id text,
    contact_id text,
    tags text not null,
    rating integer,
    message_count integer not null,
    -- Why a person is wanted, and since when; null once one has it.
    handoff_reason text,
    handed_off_at integer,
    -- When it was told once more that nobody had come.
    escalated_at integer,
    snoozed_until integer,
    created_at integer not null,
    updated_at integer not null,
    last_message_at integer not null,
    unique (workspace_id, id),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;
insert into conversations_new (row, id, workspace_id, assistant_id, title, channel, status, handler, user_id, assignee_id, contact_id, tags, rating,
        message_count, created_at, updated_at, last_message_at)
    select row, id, workspace_id, assistant_id, title, channel, status, handler, user_id, assignee_id, contact_id, tags, rating,
        message_count, created_at, updated_at, last_message_at from conversations;
drop table conversations;
alter table conversations_new rename to conversations;
create index conversations_by_age on conversations (workspace_id, last_message_at);
create index conversations_by_assistant on conversations (workspace_id, assistant_id, last_message_at);
create index conversations_by_user on conversations (workspace_id, user_id, assistant_id, last_message_at);

-- Who of the workspace wrote it.
alter table messages add column author_id text;

create index events_by_resource on events (workspace_id, resource_id, row);

-- How far each person has read each conversation.
create table conversation_reads (
    row integer primary key,
    workspace_id text not null,
    conversation_id text not null,
    user_id text not null references users (id) on delete cascade,
    read_at integer not null,
    unique (workspace_id, conversation_id, user_id),
    foreign key (workspace_id, conversation_id) references conversations (workspace_id, id) on delete cascade
) strict;

-- The dashboards that are open: whose is written here anew within the last minute is there.
create table presences (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    user_id text not null references users (id) on delete cascade,
    seen_at integer not null
) strict;
create index presences_by_workspace on presences (workspace_id, seen_at);

create table macros (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    name text not null,
    content text not null,
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, name)
) strict;

-- Files in messages. The row's number is what the site-key API calls one by.
create table attachments (
    row integer primary key,
    -- Not to be guessed: whoever has it may read the file.
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    conversation_id text,
    -- Null until it is used, once.
    message_id text references messages (id) on delete cascade,
    -- Who may use it: a user, or a widget's session.
    owner_id text not null,
    sha256 text not null,
    filename text not null,
    mime_type text not null,
    bytes integer not null,
    created_at integer not null
) strict;
create index attachments_by_message on attachments (message_id);
create index attachments_by_conversation on attachments (workspace_id, conversation_id);
create index attachments_unused on attachments (created_at) where message_id is null;

create table leads (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    assistant_id text not null,
    session_id text not null,
    conversation_id text,
    contact_id text,
    name text,
    email text,
    phone text,
    company text,
    -- JSON: what else the form asked.
    fields text not null,
    created_at integer not null
) strict;
create index leads_by_contact on leads (workspace_id, contact_id, created_at);

create table feedback (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    conversation_id text not null,
    -- Empty: the conversation as a whole.
    message_id text not null,
    rating integer not null check (rating between 1 and 5),
    comment text,
    created_at integer not null,
    unique (workspace_id, conversation_id, message_id),
    foreign key (workspace_id, conversation_id) references conversations (workspace_id, id) on delete cascade
) strict;

alter table widget_sessions add column contact_id text;
-- Whether the page proved who its visitor is.
alter table widget_sessions add column verified integer not null default 0;
alter table widget_sessions add column read_at integer;
create index widget_sessions_by_contact on widget_sessions (workspace_id, contact_id);
create index widget_sessions_by_conversation on widget_sessions (conversation_id);

-- What an assistant's pages sign their visitors' identities with.
create table widget_secrets (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    secret blob not null,
    created_at integer not null,
    unique (workspace_id, assistant_id),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;

create table sites (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    name text not null,
    greeting text not null,
    auto_reply text not null,
    -- Who answers until a person does; one that is gone answers no more.
    assistant_id text,
    -- JSON arrays: origins whose pages may use the key (empty: all), and addresses that are free of the limits.
    allowed_origins text not null,
    trusted_addresses text not null,
    site_key text not null unique,
    created_at integer not null,
    updated_at integer not null
) strict;
create index sites_by_workspace on sites (workspace_id, created_at);

create table site_visitors (
    row integer primary key,
    workspace_id text not null,
    site_id text not null references sites (id) on delete cascade,
    conversation_id text not null,
    contact_id text,
    -- The name that was given with the first message.
    name text not null,
    visitor_token_hash text not null,
    conversation_token_hash text not null,
    created_at integer not null,
    unique (site_id, visitor_token_hash),
    unique (site_id, conversation_token_hash),
    foreign key (workspace_id, conversation_id) references conversations (workspace_id, id) on delete cascade
) strict;
create index site_visitors_by_contact on site_visitors (workspace_id, contact_id);
