-- Which projects an assistant answers from; conversations, their messages, the receipts of answers; the widget's sessions.

create table assistant_projects (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    project_id text not null references projects (id) on delete cascade,
    connected_at integer not null,
    unique (workspace_id, assistant_id, project_id),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;
create index assistant_projects_by_project on assistant_projects (project_id);

create table conversations (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    assistant_id text not null,
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
    created_at integer not null,
    updated_at integer not null,
    last_message_at integer not null,
    unique (workspace_id, id),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;
create index conversations_by_age on conversations (workspace_id, last_message_at);
create index conversations_by_assistant on conversations (workspace_id, assistant_id, last_message_at);
create index conversations_by_user on conversations (workspace_id, user_id, assistant_id, last_message_at);

create table messages (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    conversation_id text not null,
    role text not null check (role in ('user', 'assistant', 'agent', 'note', 'event')),
    content text not null,
    author text,
    -- JSON arrays: the sources that were shown, and which characters of the answer each supports.
    sources text not null,
    citations text not null,
    feedback integer,
    -- Of an answer: 'streaming' while it is written, then 'complete', 'stopped' or 'failed'. Others are 'complete'.
    status text not null check (status in ('streaming', 'complete', 'stopped', 'failed')),
    -- Strictly increasing within a conversation, so that polling by time misses nothing.
    created_at integer not null,
    foreign key (workspace_id, conversation_id) references conversations (workspace_id, id) on delete cascade,
    unique (conversation_id, created_at)
) strict;
create index messages_by_conversation on messages (workspace_id, conversation_id, created_at);
create index messages_streaming on messages (status) where status = 'streaming';

-- What was said, for search. Its rowid is the message's row.
create virtual table messages_fts using fts5 (content, content = 'messages', content_rowid = 'row', tokenize = 'porter unicode61');
create trigger messages_said after insert on messages begin
    insert into messages_fts (rowid, content) values (new.row, new.content);
end;
create trigger messages_changed after update of content on messages begin
    insert into messages_fts (messages_fts, rowid, content) values ('delete', old.row, old.content);
    insert into messages_fts (rowid, content) values (new.row, new.content);
end;
create trigger messages_gone after delete on messages begin
    insert into messages_fts (messages_fts, rowid, content) values ('delete', old.row, old.content);
end;

-- An answer's whole origin, as JSON.
create table receipts (
    row integer primary key,
    workspace_id text not null,
    message_id text not null unique references messages (id) on delete cascade,
    receipt text not null
) strict;

-- What a retried request was answered with, for a day.
create table idempotency_keys (
    row integer primary key,
    workspace_id text not null references workspaces (id) on delete cascade,
    -- The caller and the key together.
    key text not null,
    body_hash text not null,
    conversation_id text not null,
    message_id text not null,
    created_at integer not null,
    unique (workspace_id, key)
) strict;
create index idempotency_keys_by_age on idempotency_keys (created_at);

create table widget_sessions (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    assistant_id text not null,
    token_hash text not null unique,
    conversation_id text,
    -- JSON: the page, the referrer, the visitor's language.
    metadata text not null,
    created_at integer not null,
    last_used_at integer not null,
    expires_at integer not null,
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade,
    foreign key (conversation_id) references conversations (id) on delete set null
) strict;
create index widget_sessions_by_assistant on widget_sessions (workspace_id, assistant_id, created_at);
