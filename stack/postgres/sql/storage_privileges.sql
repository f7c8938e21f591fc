-- Privileges in storage. Policies decide which rows a role sees. A new project has no policies.

alter schema storage owner to supabase_admin;
grant usage on schema storage to postgres with grant option;
grant usage on schema storage to anon, authenticated, service_role;
grant all on schema storage to supabase_storage_admin with grant option;
grant all on schema storage to dashboard_user;

grant all on storage.buckets, storage.objects to postgres with grant option;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;
grant all on storage.buckets_analytics to anon, authenticated, service_role;
grant select on storage.buckets_vectors to anon, authenticated, service_role;
grant select on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts
  to anon, authenticated;
grant all on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to service_role;

do $$
declare
  routine regprocedure;
begin
  for routine in
    select oid::regprocedure from pg_proc where pronamespace = 'storage'::regnamespace
  loop
    execute format('alter function %s owner to supabase_storage_admin', routine);
    execute format(
      'grant execute on function %s to postgres, anon, authenticated, service_role, dashboard_user',
      routine
    );
  end loop;
end
$$;
