-- Other embedding models than the one in the executable, and the change from one to another.
--
-- Each model's vectors are in tables of their own, of its dimensions: the first model's in `vectors` and `vectors_coarse`, every
-- other one's in `vectors_N` and `vectors_coarse_N`, made when it is first used, where N is its row here. While everything is
-- embedded anew, one model is `serving` and another `coming`; after the change the old one is `going` until its vectors are gone.
alter table embedding_models add column state text not null default 'going' check (state in ('serving', 'coming', 'going'));
-- Whether its vectors are in `vectors` and `vectors_coarse`.
alter table embedding_models add column base integer not null default 0 check (base in (0, 1));
-- Its mean cosine of a question to its own answer and to another one: where it stands on the scale that limits are set on.
alter table embedding_models add column related real not null default 0.543;
alter table embedding_models add column unrelated real not null default 0.042;

-- All vectors made so far are in these tables; the model that made the most of them serves.
update embedding_models set base = 1;
update embedding_models set state = 'serving'
where row = (select m.row from embedding_models m order by (select count(*) from vectors v where v.model = m.row) desc, m.row desc limit 1);
create unique index embedding_models_serving on embedding_models (state) where state <> 'going';
