-- What else fills a project, and who may: question and answer pairs, places on the web, and the members of private projects.

create table project_members (
    row integer primary key,
    workspace_id text not null,
    project integer not null references projects (row) on delete cascade,
    user_id text not null,
    role text not null check (role in ('viewer', 'editor')),
    created_at integer not null,
    unique (project, user_id),
    -- Who leaves the workspace leaves its projects.
    foreign key (workspace_id, user_id) references members (workspace_id, user_id) on delete cascade
) strict;
create index project_members_by_user on project_members (workspace_id, user_id);

-- A pair is read in and found as a document of its own, which lists do not show.
create table qa_pairs (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    project integer not null references projects (row),
    document integer not null unique references documents (row) on delete cascade,
    question text not null,
    -- In lower case and single spaces, by which it is unique.
    question_key text not null,
    answer text not null,
    -- A JSON array: the same question in other words.
    alternatives text not null,
    created_at integer not null,
    updated_at integer not null,
    constraint qa_pairs_question unique (project, question_key)
) strict;
create index qa_pairs_by_age on qa_pairs (workspace_id, project, created_at);

create table sources (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    project integer not null references projects (row) on delete cascade,
    url text not null,
    kind text not null check (kind in ('page', 'sitemap', 'crawl')),
    max_pages integer not null,
    -- JSON arrays of patterns.
    include text not null,
    exclude text not null,
    schedule text not null check (schedule in ('off', 'hourly', 'daily', 'weekly')),
    status text not null check (status in ('pending', 'running', 'completed', 'failed')),
    error text,
    last_run_at integer,
    next_run_at integer,
    created_at integer not null,
    updated_at integer not null,
    constraint sources_url unique (project, url)
) strict;
create index sources_by_age on sources (workspace_id, project, created_at);

-- What a source has read, by address; the document may have been deleted by a person since.
create table source_pages (
    row integer primary key,
    source integer not null references sources (row) on delete cascade,
    url text not null,
    document_id text,
    etag text,
    last_modified text,
    -- Of the text that was taken out: a page whose frame alone has changed is the same.
    text_hash text,
    error text,
    checked_at integer not null,
    unique (source, url)
) strict;
create index source_pages_by_document on source_pages (document_id);
