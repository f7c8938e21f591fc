-- What every installation begins with.

insert into holdfast.settings (name, value, description) values
  ('buckets', 'null', 'Ids of the buckets to back up, as a list; null means all of them.'),
  ('include', '["**"]', 'Globs over bucket/name; an object must match one of them.'),
  ('exclude', '[]', 'Globs over bucket/name; an object that matches one is left out.'),
  ('max_object_bytes', 'null', 'Objects larger than this are left out; null means no limit.'),
  ('lanes', '2', 'How many slices may work at once.'),
  ('maximum_age_hours', 'null',
    'The tick starts a backup when the last snapshot is older than this; null means never.');

insert into holdfast.settings (name, value, description) values
  ('max_bytes_per_second', 'null',
    'Bytes that all lanes together read from Storage in a second, on average; null means no limit.'),
  ('max_requests_per_second', 'null',
    'Requests that all lanes together send to Storage in a second, on average; null means no limit.'),
  ('max_egress_bytes_per_day', 'null',
    'Bytes read from Storage in a day (UTC) after which a run pauses until the next; null means no limit.'),
  ('max_egress_bytes_per_month', 'null',
    'Bytes read from Storage in a month (UTC) after which a run pauses until the next; null means no limit.');

insert into holdfast.settings (name, value, description) values
  ('project_url', 'null', 'Internal: the project that this database served last.');

insert into holdfast.settings (name, value, description) values
  ('backup_waiting', 'null', 'Internal: since when a backup that came due waits for another run to end.');

-- The worker key continues runs that exist, and nothing else; it lives in Vault, for SQL to send.
do $$
declare
  key text := holdfast.create_key('worker', 'worker');
begin
  delete from vault.secrets where name = 'holdfast_worker_key';
  perform vault.create_secret(key, 'holdfast_worker_key', 'Holdfast: continues runs that exist');
end
$$;
