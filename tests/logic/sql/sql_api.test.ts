import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { copied, failed } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

sqlTest("runs are listed newest first, one page at a time", async (project) => {
  const repository = new Repository();
  const runs: string[] = [];
  for (let night = 0; night < 4; night++) runs.unshift((await runBackup(project, repository)).run);
  const first = await call<Run[]>(project, "list_runs(max_rows => 3)");
  assert.deepEqual(first.map((run) => run.id), runs.slice(0, 3));
  const before = first.at(-1)?.started_at;
  const rest = await call<Run[]>(project, `list_runs(max_rows => 3, before => '${before}')`);
  assert.deepEqual(rest.map((run) => run.id), runs.slice(3));
  assert.deepEqual(await call(project, "list_runs(max_rows => 0)"), []);
});

sqlTest("a run shows the sums of its counters and its newest failures", async (project) => {
  const objects = new Objects(project.owner);
  await objects.createBucket("files");
  for (let number = 1; number <= 120; number++) await objects.upload("files", `${number}`);
  await objects.upload("files", "held");
  const { run } = await runBackup(project, new Repository(), {
    maxItems: 7,
    act: (item) => item.name === "held" ? copied(item) : failed(item, "failed", "storage_failed"),
  });
  await project.owner`
    update holdfast_private.cursors set counters = counters || '{"objects_copied": 2}' where run = ${run}`;
  await project.owner`
    update holdfast_private.failures set last_at = last_at + interval '1 h' where name = '77'`;
  const shown = await call<Run>(project, `show_run(run_id => '${run}')`);
  const [{ cursors }] = await project
    .owner`select count(*)::int as cursors from holdfast_private.cursors`;
  assert.equal(shown.counters.objects_copied, 2 * cursors);
  assert.deepEqual(shown.cursors, { finished: cursors, open: 0, leased: 0 });
  assert.equal(shown.stage, null);
  assert.equal(shown.failures_total, 120);
  assert.equal(shown.failures.length, 100);
  assert.deepEqual(shown.failures[0], {
    bucket: "files",
    name: "77",
    class: "failed",
    code: "storage_failed",
    message: "It could not be copied.",
    attempts: 1,
  });
});

sqlTest("only the harmless fields of a plan are shown", async (project) => {
  const [{ run }] = await project.owner`
    select holdfast_private.start_run('restore',
      '{"snapshot": "latest", "dry_run": true, "secret": "x"}', 'test') as run`;
  const shown = await call<Run>(project, `show_run(run_id => '${run}')`);
  assert.deepEqual(shown.plan, { snapshot: "latest", dry_run: true });
  assert.deepEqual([shown.state, shown.stage], ["running", "prepare"]);
});

sqlTest("an unknown run is null", async (project) => {
  assert.equal(await call(project, "show_run(run_id => gen_random_uuid())"), null);
});

interface Run {
  id: string;
  state: string;
  stage: string | null;
  started_at: string;
  plan: unknown;
  counters: Record<string, number>;
  cursors: unknown;
  failures_total: number;
  failures: unknown[];
}

async function call<Result>({ worker }: SqlProject, expression: string): Promise<Result> {
  const [{ result }] = await worker.unsafe<{ result: Result }[]>(
    `select holdfast_private.${expression} as result`,
  );
  return result;
}
