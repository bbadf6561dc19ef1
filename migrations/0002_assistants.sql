-- Assistants: who answers, how, and for whom.

create table assistants (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    name text not null,
    description text,
    instructions text not null,
    -- As it was given; null follows the workspace's default.
    model text,
    visibility text not null check (visibility in ('public', 'workspace', 'private')),
    temperature real not null,
    max_tokens integer not null,
    welcome_message text,
    fallback_message text,
    avatar_url text,
    widget_enabled integer not null,
    web_search_enabled integer not null,
    -- 'grounded', 'open', or null: judged per question.
    answer_mode text check (answer_mode in ('grounded', 'open')),
    -- JSON, as the API shows them: an array of questions, and three objects.
    suggested_questions text not null,
    widget text not null,
    handoff text not null,
    retrieval text not null,
    -- Counts the changes; the ETag is made of it.
    version integer not null,
    -- Stays when the person goes.
    created_by text,
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, id),
    -- What strangers reach must be public.
    check (widget_enabled = 0 or visibility = 'public')
) strict;
create index assistants_by_workspace on assistants (workspace_id, created_at);
