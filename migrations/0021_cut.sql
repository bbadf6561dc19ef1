-- By which models' tokens a document's chunks were cut: how many they read of a text, and what counts them. After a change of model
-- the documents that were cut by others are cut anew, one by one. Nothing here is a document of before, or one that was never cut.
alter table documents add column cut_by text;
