-- SMS through Twilio: each assistant's account, what came and went, who is in a conversation, and who wants nothing more.

create table sms_configs (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    enabled integer not null check (enabled in (0, 1)),
    account_sid text not null,
    -- Sealed.
    auth_token blob not null,
    phone_number text not null,
    session_timeout_minutes integer not null,
    created_at integer not null,
    updated_at integer not null,
    unique (workspace_id, assistant_id),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;

-- A conversation by number that ends after some silence.
create table sms_sessions (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    phone text not null,
    contact_id text not null,
    conversation_id text not null references conversations (id) on delete cascade,
    last_message_at integer not null,
    created_at integer not null,
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;
create index sms_sessions_by_phone on sms_sessions (workspace_id, assistant_id, phone, last_message_at);
create index sms_sessions_by_conversation on sms_sessions (workspace_id, conversation_id);

create table sms_messages (
    row integer primary key,
    id text not null unique,
    workspace_id text not null,
    assistant_id text not null,
    direction text not null check (direction in ('inbound', 'outbound')),
    phone text not null,
    contact_id text,
    conversation_id text references conversations (id) on delete set null,
    -- The conversation's message that it is, or a part of; null for the words that the network itself asks for.
    message_id text,
    part integer not null,
    body text not null,
    -- Twilio's id; given by Twilio, also for ours.
    sid text,
    -- Twilio's word: received, queued, sent, delivered, undelivered, failed; retrying while it is ours to try again.
    status text not null,
    error_code integer,
    error text,
    created_at integer not null,
    updated_at integer not null,
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;
-- A message that Twilio repeats is there once.
create unique index sms_messages_by_sid on sms_messages (assistant_id, sid) where sid is not null;
create unique index sms_messages_by_part on sms_messages (message_id, part) where message_id is not null;
create index sms_messages_by_age on sms_messages (workspace_id, assistant_id, created_at);
create index sms_messages_by_contact on sms_messages (workspace_id, contact_id) where contact_id is not null;

-- Numbers that have said STOP, as a hash: it holds also after the person was erased.
create table sms_stops (
    row integer primary key,
    workspace_id text not null,
    assistant_id text not null,
    phone_hash text not null,
    created_at integer not null,
    unique (workspace_id, assistant_id, phone_hash),
    foreign key (workspace_id, assistant_id) references assistants (workspace_id, id) on delete cascade
) strict;
