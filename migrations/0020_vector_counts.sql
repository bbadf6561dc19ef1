-- How many vectors of a model were ever put into a project, and taken out of it: how large the project is without counting, and
-- what tells a copy in memory that it is behind. The counts outlive project and model, whose rows others may get.
create table vector_counts (
    row integer primary key,
    model integer not null,
    project integer not null,
    put integer not null default 0,
    taken integer not null default 0
) strict;
create unique index vector_counts_by_project on vector_counts (model, project);
insert into vector_counts (model, project, put) select model, project, count(*) from vectors group by model, project;
