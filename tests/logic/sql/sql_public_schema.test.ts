import assert from "node:assert/strict";
import { raised, sqlTest } from "./support/project.ts";

const DENIED = "42501";

sqlTest("the worker cannot use the functions and views for users", async ({ worker }) => {
  for (
    const use of [
      "holdfast.set('workers', '4')",
      "holdfast.estimate()",
      "* from holdfast.runs",
    ]
  ) {
    const { code, message } = await raised(worker.unsafe(`select ${use}`));
    assert.deepEqual([code, message], [DENIED, "permission denied for schema holdfast"], use);
  }
});

sqlTest(
  "the schema holdfast has the functions and views for users and little else",
  async ({ owner }) => {
    const names = await owner<{ name: string }[]>`
    select relname::text as name from pg_class
      where relnamespace = 'holdfast'::regnamespace and relkind <> 'c'
    union all
    select proname::text from pg_proc where pronamespace = 'holdfast'::regnamespace
    order by 1`;
    assert.deepEqual(names.map(({ name }) => name), [
      "audit",
      "backup_history",
      "create_key",
      "egress",
      "estimate",
      "failures",
      "keys",
      "revoke_key",
      "runs",
      "schedule",
      "set",
      "settings",
      "snapshots",
      "start_scheduled_backup",
      "status",
      "unschedule",
    ]);
    const tables = await owner`
    select relname from pg_class where relnamespace = 'holdfast'::regnamespace and relkind = 'r'`;
    assert.deepEqual([...tables], []);
  },
);

sqlTest(
  "the views for users show no digest, and reading them changes nothing",
  async ({ owner }) => {
    await owner`select holdfast.create_key('read', 'reader')`;
    const [key] = await owner`select * from holdfast.keys where name = 'reader'`;
    assert.deepEqual(Object.keys(key!), ["id", "scope", "name", "created_at", "revoked_at"]);
    const [setting] = await owner`select * from holdfast.settings where name = 'workers'`;
    assert.equal(setting?.value, 2);
    const [audit] = await owner`select * from holdfast.audit order by id desc limit 1`;
    assert.deepEqual(audit?.detail, { scope: "read", name: "reader" });
  },
);
