-- More about people: the audit log, invitations, second factors, password resets, and who they are at other issuers.

-- Who did what to which resource, from where, when. Rows are only ever added: the triggers hold even us to it.
create table audit_log (
    row integer primary key,
    id text not null unique,
    -- Null: it concerns no workspace (a sign-in with an unknown email, say).
    workspace_id text,
    user_id text,
    -- The API token that acted for the user.
    token_id text,
    action text not null,
    resource_id text,
    address text,
    -- JSON, without any secret.
    details text not null,
    created_at integer not null
) strict;
create index audit_log_by_workspace on audit_log (workspace_id, created_at);
create trigger audit_log_stays before update on audit_log begin
    select raise(abort, 'the audit log is append-only');
end;
-- A workspace's log goes with the workspace, and not before.
create trigger audit_log_is_kept before delete on audit_log when old.workspace_id is null or exists (select 1 from workspaces where id = old.workspace_id) begin
    select raise(abort, 'the audit log is append-only');
end;

create table invitations (
    row integer primary key,
    id text not null unique,
    workspace_id text not null references workspaces (id) on delete cascade,
    email text not null,
    email_key text not null,
    role text not null check (role in ('owner', 'admin', 'member', 'guest')),
    token_hash text not null unique,
    -- Stays when the person goes.
    invited_by text not null,
    created_at integer not null,
    expires_at integer not null,
    unique (workspace_id, email_key)
) strict;
create index invitations_by_age on invitations (workspace_id, created_at);
create index invitations_by_email on invitations (email_key);

-- The sealed secret of the time-based codes; enabled once a code has shown that the person's device has it.
alter table users add column totp_secret blob;
alter table users add column totp_enabled integer not null default 0;
-- The last time step whose code was taken, so that each works once.
alter table users add column totp_step integer;

create table recovery_codes (
    row integer primary key,
    user_id text not null references users (id) on delete cascade,
    code_hash text not null,
    unique (user_id, code_hash)
) strict;

create table password_resets (
    row integer primary key,
    user_id text not null unique references users (id) on delete cascade,
    token_hash text not null unique,
    created_at integer not null,
    expires_at integer not null
) strict;

-- Who a person is at an OpenID Connect issuer.
create table identities (
    row integer primary key,
    user_id text not null references users (id) on delete cascade,
    -- The provider's name in the settings, with its issuer, so that another issuer under the same name is another one.
    issuer text not null,
    subject text not null,
    created_at integer not null,
    unique (issuer, subject)
) strict;
create index identities_by_user on identities (user_id);
