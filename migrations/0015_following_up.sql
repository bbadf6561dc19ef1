-- What reaches people who are not looking: how far a customer has read, and which replies have been taken to them by mail; the
-- lists that agents keep.

-- How far the customer has read, by whichever channel.
alter table conversations add column customer_seen_at integer;
-- Of an agent's message that the customer had not read: when it was mailed, or noted that it could not be.
alter table messages add column followed_up_at integer;

-- Saved views of the inbox: a name for a filter, for everybody or for one person.
create table inbox_views (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    -- Whose alone it is; null: everybody's.
    user_id text references users (id) on delete cascade,
    name text not null,
    -- A JSON object.
    filter text not null,
    created_at integer not null,
    updated_at integer not null
) strict;
create unique index inbox_views_by_name on inbox_views (workspace_id, coalesce(user_id, ''), name);

-- Whether somebody was erased lately is asked after every attempt to deliver something.
create index events_of_erasures on events (workspace_id, created_at) where kind = 'contact.deleted';
