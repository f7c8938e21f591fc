create table holdfast_private.egress (
  day date not null,
  kind text not null,
  bytes bigint not null check (bytes >= 0),
  primary key (day, kind)
);
comment on table holdfast_private.egress is
  'What was read from Storage, by day: bytes that are copied, and those that a restore reads back. Counted when what was read is committed; a worker that dies takes with it the count of at most one page or part.';
comment on column holdfast_private.egress.day is 'The day, in UTC.';
comment on column holdfast_private.egress.kind is 'The kind of run that read them.';
comment on column holdfast_private.egress.bytes is 'Bytes, those of reads that had to be repeated included.';
alter table holdfast_private.egress enable row level security;
