-- Tools: what a model may do besides talking, and who may let it.

create table mcp_servers (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    name text not null,
    transport text not null check (transport in ('http', 'stdio')),
    url text,
    -- A JSON array: the program and its arguments.
    command text,
    -- A JSON object, sealed: header values are secrets as a rule.
    headers blob,
    enabled integer not null,
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, name),
    check ((transport = 'http') = (url is not null)),
    check ((transport = 'stdio') = (command is not null))
) strict;

create table actions (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    -- What the model calls it by.
    name text not null,
    description text not null,
    -- A JSON Schema of type object.
    parameters text not null,
    method text not null,
    -- `{name}` stands for an argument.
    url text not null,
    headers text not null,
    -- A JSON object, sealed.
    secret_headers blob,
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, name)
) strict;

-- Where a workspace's assistants search the web.
create table web_search (
    row integer primary key,
    workspace_id text not null unique references workspaces (id) on delete cascade,
    provider text not null check (provider in ('exa', 'brave', 'tavily', 'searxng')),
    api_key blob,
    base_url text,
    updated_at integer not null
) strict;

-- What an assistant may use: `hand_off_to_human`, an action's id, an MCP server's id, or `{server's id}/{tool}`.
create table assistant_tools (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    tool text not null,
    -- Whether strangers' questions may lead to it, or only those of the workspace's people.
    visitors integer not null,
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade,
    unique (workspace_id, assistant_id, tool)
) strict;
