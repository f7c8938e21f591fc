create table holdfast_private.egress (
  day date not null,
  kind text not null,
  bytes bigint not null check (bytes >= 0),
  primary key (day, kind)
);
comment on table holdfast_private.egress is
  'Bytes read from Storage, by day: copied bytes and bytes that a restore reads back. They are counted when the read is committed; if a worker crashes, the count of at most one page or part is lost.';
comment on column holdfast_private.egress.day is 'The day, in UTC.';
comment on column holdfast_private.egress.kind is 'The kind of run that read the bytes.';
comment on column holdfast_private.egress.bytes is 'Bytes read, including repeated reads.';
alter table holdfast_private.egress enable row level security;
