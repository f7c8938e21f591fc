import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

/** A project with a complete snapshot of two files, and a run that failed on one more. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b"]) await upload(project, "files", name, name.repeat(10));
  await project.backup();
  await upload(project, "files", "c");
  await project.addStorageFault({ pathContains: "files/c", count: 100, fault: { status: 500 } });
  await project.backup();
  return project;
}

async function look(project: TestProject, path: string) {
  const answer = await project.call("GET", `holdfast-api/${path}`, {
    key: await project.key("read"),
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

const isTime = (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text);

Deno.test("GET /runs lists the newest first, with what they did", async () => {
  await using project = await createProject();
  const { runs } = await look(project, "runs");
  assert.equal(runs.length, 2);
  const ids = await project.reader.snapshotIds();
  const [second, first] = runs;
  for (const run of runs) {
    assert.deepEqual([run.kind, run.state, run.started_by], [
      "backup",
      "succeeded",
      "test operate",
    ]);
    assert.ok(isTime(run.started_at) && isTime(run.ended_at));
    assert.deepEqual([run.code, run.message, run.remedy], [null, null, null]);
  }
  assert.ok(first.started_at < second.started_at);
  assert.deepEqual([first.result.snapshot, second.result.snapshot], ids);
  assert.deepEqual([first.counters.objects_copied, first.counters.bytes_copied], [2, 20]);
});

Deno.test("GET /runs/:id names each object that failed", async () => {
  await using project = await createProject();
  const { runs: [{ id }] } = await look(project, "runs");
  const run = await look(project, `runs/${id}`);
  assert.equal(run.failures_total, 1);
  const [{ message, ...failure }] = run.failures;
  assert.deepEqual(failure, {
    bucket: "files",
    name: "c",
    class: "failed",
    code: "storage_failed",
    attempts: 1,
  });
  assert.match(message, /500/);
  assert.deepEqual([run.plan.settings.include, run.result.state], [["**"], "partial"]);
});

Deno.test("both functions return the same fields for a run", async () => {
  await using project = await createProject();
  const restore = await project.restore();
  const { runs } = await look(project, "runs");
  assert.deepEqual(runs.map(({ kind }: { kind: string }) => kind), ["restore", "backup", "backup"]);
  const shown = async (path: string, scope: "operate" | "restore", id: string) =>
    (await project.call("GET", `${path}/runs/${id}`, { key: await project.key(scope) })).body;
  assert.deepEqual(
    await shown("holdfast-restore", "restore", restore.id),
    await look(project, `runs/${restore.id}`),
  );
  assert.deepEqual(
    await shown("holdfast-backup", "operate", runs[1].id),
    await look(project, `runs/${runs[1].id}`),
  );
});

Deno.test("GET /backups lists the snapshots, newest first", async () => {
  await using project = await createProject();
  const { snapshots } = await look(project, "backups");
  const [first, second] = await Promise.all(
    (await project.reader.snapshotIds()).map((id) => project.reader.snapshot(id)),
  );
  const expected = [second!, first!].map(({ document }) => ({
    id: document.id,
    state: document.state,
    started_at: document.started_at,
    sealed_at: document.sealed_at,
    project_url: project.url,
    totals: document.totals,
  }));
  assert.deepEqual(snapshots, expected);
  assert.deepEqual(expected.map(({ state }) => state), ["partial", "complete"]);
});

Deno.test("a project without a run returns empty lists", async () => {
  await using project = await TestProject.create();
  assert.deepEqual(await look(project, "runs"), { runs: [] });
  assert.deepEqual(await look(project, "backups"), { snapshots: [] });
});
