import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { copied, failed, type Item, type Result } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { type ListLine, Repository } from "./support/repository.ts";

sqlTest(
  "an object without stored bytes is listed without a blob and retried when due",
  async (project) => {
    const { objects, repository } = await filled(project);
    await objects.upload("files", "lost", { text: "lost" });
    const first = await backUp(project, repository, without("lost"));
    assert.equal(first.state, "complete");
    assert.equal(first.totals.unavailable, 1);
    const line = first.listed.get("files/lost");
    assert.deepEqual([line?.key, line?.code, line?.wanted_version === line?.version], [
      undefined,
      "bytes_missing",
      true,
    ]);

    // The retry is not due yet: it is neither tried nor listed again.
    const second = await backUp(project, repository, without("lost"));
    assert.deepEqual([second.scanned, second.parts.length], [[], 1]);
    await due(project);
    const third = await backUp(project, repository, without("lost"));
    assert.deepEqual([third.scanned, third.parts.length], [["files/lost"], 1]);
    assert.deepEqual(await failures(project), [["lost", "unavailable", 2]]);

    await due(project);
    const healed = await backUp(project, repository, copied);
    assert.equal(healed.totals.unavailable, 0);
    assert.ok(healed.listed.get("files/lost")?.key);
    assert.equal(healed.listed.get("files/lost")?.code, undefined);
    assert.deepEqual(await failures(project), []);
  },
);

sqlTest("an older version stays, marked stale with the unavailable version", async (project) => {
  const { objects, repository } = await filled(project);
  const before = await backUp(project, repository, copied);
  await objects.upload("files", "a", { text: "newer" });
  const stale = await backUp(project, repository, without("a"));
  assert.deepEqual([stale.state, stale.totals.stale], ["complete", 1]);
  const [held, marked] = [before.listed.get("files/a"), stale.listed.get("files/a")];
  assert.deepEqual([marked?.key, marked?.version], [held?.key, held?.version]);
  assert.equal(marked?.wanted_version, await versionOf(project, "a"));
  assert.equal(marked?.code, "bytes_missing");

  // Another version is tried at once, independent of the retry time of the previous one.
  await objects.upload("files", "a", { text: "newest" });
  const healed = await backUp(project, repository, copied);
  assert.deepEqual(healed.scanned, ["files/a"]);
  assert.equal(healed.listed.get("files/a")?.version, await versionOf(project, "a"));
  assert.equal(healed.totals.stale, 0);
});

sqlTest(
  "a stale entry that fails for another reason is listed with that reason",
  async (project) => {
    const { objects, repository } = await filled(project);
    await backUp(project, repository, copied);
    await objects.upload("files", "a", { text: "newer" });
    await backUp(project, repository, without("a", "failed", "source_error"));
    const next = await backUp(project, repository, without("a", "unavailable", "bytes_missing"));
    assert.equal(next.state, "complete");
    assert.equal(next.listed.get("files/a")?.code, "bytes_missing");
    assert.deepEqual(await failures(project), [["a", "unavailable", 2]]);
  },
);

sqlTest("a failed object is tried by every run and makes its snapshot partial", async (project) => {
  const { repository } = await filled(project);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const partial = await backUp(project, repository, without("a", "failed", "source_error"));
    assert.deepEqual([partial.state, partial.scanned.includes("files/a")], ["partial", true]);
    assert.deepEqual(await failures(project), [["a", "failed", attempt]]);
  }
  const complete = await backUp(project, repository, copied);
  assert.equal(complete.state, "complete");
});

sqlTest(
  "an unavailable object is retried daily, and weekly from the seventh attempt",
  async (project) => {
    const { repository } = await filled(project);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 9; attempt++) {
      await backUp(project, repository, without("a"));
      const [{ hours }] = await project.owner`
      select round(extract(epoch from next_at - last_at) / 3600)::int as hours
      from holdfast_private.failures`;
      waits.push(hours);
      await due(project);
    }
    assert.deepEqual(waits, [20, 20, 20, 20, 20, 20, 20, 164, 164]);
  },
);

sqlTest("a failure of a deleted, renamed or excluded name is discarded", async (project) => {
  const { objects, repository } = await filled(project);
  const all = (item: Item) => failed(item, "failed", "source_error");
  await backUp(project, repository, all);
  assert.equal((await failures(project)).length, 3);
  await objects.remove("files", "a");
  await objects.move("files", "b", "files", "moved");
  await project.owner`select holdfast.set('exclude', '["files/c"]')`;
  const { state, totals } = await backUp(project, repository, without("moved"));
  assert.deepEqual([state, totals.objects, totals.unavailable], ["complete", 1, 1]);
  assert.deepEqual(await failures(project), [["moved", "unavailable", 1]]);
});

sqlTest(
  "an object that loses its bytes in a move stays under its old name",
  async (project) => {
    const { objects, repository } = await filled(project);
    await backUp(project, repository, copied);
    await objects.move("files", "a", "files", "moved");
    await objects.upload("files", "moved", { text: "overwritten, and lost" });
    const { listed, totals } = await backUp(project, repository, without("moved"));
    assert.ok(listed.get("files/a")?.key);
    assert.deepEqual([totals.unavailable, totals.stale], [1, 0]);
  },
);

async function filled(project: SqlProject) {
  const objects = new Objects(project.owner);
  await objects.createBucket("files");
  for (const name of ["a", "b", "c"]) await objects.upload("files", name, { text: name });
  return { objects, repository: new Repository() };
}

/** Copies everything except one name. */
function without(
  name: string,
  failureClass: "unavailable" | "failed" = "unavailable",
  code = "bytes_missing",
): (item: Item) => Result {
  return (item) => item.name === name ? failed(item, failureClass, code) : copied(item);
}

async function backUp(
  project: SqlProject,
  repository: Repository,
  act: (item: Item) => Result,
) {
  const { snapshot, scanned } = await runBackup(project, repository, { act });
  assert.ok(snapshot);
  const listed: Map<string, ListLine> = repository.read(snapshot);
  return { ...snapshot, scanned, listed };
}

/** Makes every failure due again. */
async function due(project: SqlProject) {
  await project.owner`update holdfast_private.failures set next_at = now() - interval '1 s'`;
}

async function failures(project: SqlProject) {
  const rows = await project.owner`
    select name, class, attempts from holdfast_private.failures order by name`;
  return rows.map((row) => [row.name, row.class, row.attempts]);
}

async function versionOf(project: SqlProject, name: string): Promise<string> {
  const [row] = await project.owner`select version from storage.objects where name = ${name}`;
  return row.version;
}
