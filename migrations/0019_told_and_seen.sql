-- What the people on both sides are told of each other: which language a customer reads, what a line about an event says
-- beside its words, the order of a message's files, which way a comment left, what somebody looks like.

-- Where a visitor was when they began, and the language of their browser, as their page has said it: JSON.
alter table conversations add column metadata text;
-- Of a line about what happened, what it tells as data: JSON.
alter table messages add column event text;
-- Where a file stands among those of its message.
alter table attachments add column place integer;
-- Which way a public comment left for the customer; null where there was none.
alter table ticket_comments add column sent_by text;
-- Shown to the customers that somebody answers.
alter table users add column avatar_url text;
