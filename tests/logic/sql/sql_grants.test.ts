import assert from "node:assert/strict";
import { raised, sqlTest } from "./support/project.ts";

const DENIED = "42501";

sqlTest(
  "no function is granted to PUBLIC, and only the worker's are granted at all",
  async ({ owner }) => {
    const open = await owner`
    select p.oid::regprocedure::text as name, coalesce(a.grantee::regrole::text, '-') as grantee
    from pg_proc p
      cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.pronamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace)
      and a.grantee not in (p.proowner, 'holdfast_worker'::regrole)`;
    assert.deepEqual([...open], []);
  },
);

sqlTest("no relation is granted to any role", async ({ owner }) => {
  const open = await owner`
    select c.oid::regclass::text as name, a.grantee::regrole::text as grantee
    from pg_class c cross join lateral aclexplode(c.relacl) as a
    where c.relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and c.relkind <> 'i'
      and a.grantee <> c.relowner`;
  assert.deepEqual([...open], []);
  const [{ unprotected }] = await owner`
    select count(*)::int as unprotected from pg_class
    where relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and relkind = 'r' and not relrowsecurity`;
  assert.equal(unprotected, 0);
});

sqlTest(
  "the worker's functions run as their owner with an empty search path",
  async ({ owner }) => {
    const loose = await owner`
    select oid::regprocedure::text as name from pg_proc
    where pronamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace)
      and has_function_privilege('holdfast_worker', oid, 'execute')
      and (not prosecdef or not coalesce('search_path=""' = any (proconfig), false))`;
    assert.deepEqual([...loose], []);
  },
);

sqlTest("the worker cannot call the owner's functions", async ({ worker }) => {
  for (
    const call of [
      "holdfast.set('workers', '4')",
      "holdfast.create_key('restore', 'me')",
      "holdfast.revoke_key('worker')",
      "holdfast_private.start_run('backup', '{}', 'me')",
      "holdfast_private.end_run(gen_random_uuid(), 'succeeded')",
      "holdfast_private.require_lease(1, gen_random_uuid())",
      "holdfast_private.put_entries(1, 1, '[]')",
      "holdfast_private.save_repository('{}')",
      "holdfast_private.save_snapshot(1, '{}')",
      "holdfast.schedule('0 2 * * *')",
      "holdfast.unschedule()",
    ]
  ) {
    assert.equal((await raised(worker.unsafe(`select ${call}`))).code, DENIED, call);
  }
});
