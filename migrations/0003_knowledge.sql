-- Knowledge: files by their hash, projects, documents, and what retrieval reads: chunks, two keyword indexes, vectors.
--
-- What a virtual table holds does not follow a foreign key, so the tables below are not deleted by cascade: `knowledge`
-- takes a document's text, keyword and vector rows out in one transaction, as it puts them in.

-- The bytes lie in `files/`, under their hash; here stands how many rows need them.
create table files (
    row integer primary key,
    sha256 text not null unique,
    bytes integer not null,
    uses integer not null check (uses >= 0),
    created_at integer not null
) strict;

create table projects (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id),
    name text not null,
    -- The name in lower case, by which it is unique.
    name_key text not null,
    description text,
    visibility text not null check (visibility in ('workspace', 'private')),
    created_by text not null,
    created_at integer not null,
    updated_at integer not null,
    -- From which score on a question counts as answered by this project (JSON; null until there is text to judge by).
    calibration text,
    constraint projects_name unique (workspace_id, name_key)
) strict;
create index projects_by_age on projects (workspace_id, created_at);

create table documents (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id),
    project integer not null references projects (row),
    title text not null,
    -- Whether a person chose the title; one that the document gives itself does not replace it then.
    title_is_given integer not null check (title_is_given in (0, 1)),
    source text not null check (source in ('upload', 'text', 'url', 'crawl')),
    filename text,
    mime_type text not null,
    bytes integer not null,
    sha256 text not null references files (sha256),
    url text,
    status text not null check (status in ('pending', 'processing', 'completed', 'failed')),
    error text,
    chunk_count integer not null,
    -- How many chunks the document will have, once that is known.
    chunks_expected integer,
    token_count integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint documents_bytes unique (project, sha256)
) strict;
create index documents_by_age on documents (workspace_id, project, created_at);

create table chunks (
    row integer primary key,
    -- First, as the keyword index sees it: only the asked projects' rows are ever looked at.
    project integer not null references projects (row),
    document integer not null references documents (row),
    ordinal integer not null,
    -- A JSON array, the outermost first, without the title.
    headings text not null,
    -- Title and headings, as they are indexed and embedded in front of the text.
    header text not null,
    body text not null,
    -- Where the text stands in the extracted text, in characters.
    first_character integer not null,
    end_character integer not null,
    page integer,
    tokens integer not null,
    constraint chunks_order unique (document, ordinal)
) strict;
create index chunks_by_project on chunks (project);

-- The keyword index over chunks; it reads their text from `chunks`, so that its integrity can be checked.
create virtual table chunks_fts using fts5 (project, header, body, content = 'chunks', content_rowid = 'row', tokenize = 'porter unicode61');

-- The keyword index over whole documents; rowid is the document's row.
create virtual table pages_fts using fts5 (project, header, body, content = '', contentless_delete = 1, tokenize = 'porter unicode61');

-- Which model made the vectors. Vectors of different models never mix.
create table embedding_models (
    row integer primary key,
    id text not null unique,
    dimensions integer not null
) strict;

-- The vectors themselves: little-endian f32, of unit length; `row` is the chunk's.
create table vectors (
    row integer primary key references chunks (row),
    project integer not null references projects (row),
    model integer not null references embedding_models (row),
    embedding blob not null
) strict;
create index vectors_by_project on vectors (project, row);

-- One bit a dimension, for the first, coarse scan of large projects.
create virtual table vectors_coarse using vec0 (project integer partition key, embedding bit[384]);
