-- Whether nobody has shown that the email is theirs: they signed up by themselves on a server that sends no mail.
alter table users add column email_unverified integer not null default 0;
