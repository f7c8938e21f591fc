-- What the role of the functions has been granted and no function of them calls, and what a project's
-- own default privileges may have given away when the schema was made.

revoke execute on function holdfast.record_audit(text, text, jsonb), holdfast.resolve_snapshot(integer, text)
  from holdfast_worker;

do $$
declare
  grantee name;
begin
  -- Whoever may not use the schema reaches nothing in it, whatever is granted on what comes later.
  for grantee in
    select a.rolname from pg_catalog.pg_namespace n
      cross join lateral aclexplode(n.nspacl) as g join pg_catalog.pg_roles a on a.oid = g.grantee
    where n.nspname = 'holdfast' and g.grantee not in (n.nspowner, 'holdfast_worker'::regrole)
  loop
    execute format('revoke all on schema holdfast from %I', grantee);
  end loop;
  revoke all on schema holdfast from public;
end
$$;
