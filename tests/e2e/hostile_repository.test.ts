import assert from "node:assert/strict";
import { endedByLimit } from "../stack/edge/isolates.ts";
import { forge, type Forgery } from "./support/forge.ts";
import { createBucket, upload } from "./support/objects.ts";
import { type RunRow, TestProject } from "./support/project.ts";

/** Restores a forged repository into a fresh project; the run is returned however it ended. */
async function restoreForged(
  change: (forgery: Forgery) => void,
  check: (target: TestProject, run: RunRow) => Promise<void>,
): Promise<void> {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  for (const name of ["a", "b"]) await upload(source, "files", name);
  await source.backup();
  await forge(source, change);
  await using target = await TestProject.create({
    repository: source.repository,
    limits: "selfHosted",
  });
  await check(target, await target.ended(await target.start("restore/runs", { dryRun: false })));
  assert.deepEqual((await target.client.isolates()).filter(endedByLimit), []);
}

/** Changes the line of object `a`. */
function changeLine(change: Record<string, unknown>) {
  return ({ lines }: Forgery) => {
    lines[0] = JSON.stringify({ ...JSON.parse(lines[0]!), ...change });
  };
}

async function namesIn(target: TestProject): Promise<string[]> {
  const rows = await target.sql<{ name: string }[]>`
    select bucket_id || '/' || name as name from storage.objects order by 1`;
  return rows.map(({ name }) => name);
}

Deno.test("a part that unpacks to far more than any part is damage, and kills no isolate", async () => {
  await restoreForged(
    ({ lines }) => lines.push(" ".repeat(200 * 1024 * 1024)),
    async (target, run) => {
      assert.deepEqual([run.state, run.code], ["failed", "repository_damaged"]);
      assert.match(run.message!, /lists\/[0-9a-f]{64}\.ndjson\.gz can't be unpacked/);
      assert.deepEqual(await namesIn(target), []);
    },
  );
});

Deno.test("bytes of another's key, and of other bytes than the entry's, are never written", async () => {
  await restoreForged(changeLine({ sha256: "0".repeat(64) }), async (target, run) => {
    assert.equal(run.state, "succeeded", JSON.stringify(run));
    assert.equal(run.counters.objects_failed, 1);
    assert.deepEqual(await namesIn(target), ["files/b"]);
  });
  await restoreForged(changeLine({ key: "data/../../other/secret" }), async (target, run) => {
    assert.deepEqual([run.state, run.code], ["failed", "repository_damaged"]);
    assert.deepEqual(await namesIn(target), []);
  });
});

Deno.test("a name that leads elsewhere is restored nowhere else", async () => {
  await restoreForged(changeLine({ name: "../../bucket/other" }), async (target, run) => {
    assert.equal(run.state, "succeeded", JSON.stringify(run));
    assert.equal(run.counters.objects_failed, 1);
    assert.deepEqual(await namesIn(target), ["files/b"]);
    const buckets = await target.sql<{ id: string }[]>`select id from storage.buckets`;
    assert.deepEqual(buckets.map(({ id }) => id), ["files"]);
  });
});

Deno.test("policies of a snapshot are text to read, and never run", async () => {
  const policy = {
    schemaname: "storage",
    tablename: "objects",
    policyname: 'x" on storage.objects using (true); drop schema holdfast cascade; --',
    permissive: "PERMISSIVE",
    roles: "{anon}",
    cmd: "ALL",
    qual: "true); drop table storage.objects cascade; --",
    with_check: null,
  };
  await restoreForged(({ document }) => {
    document.policies = [policy];
  }, async (target, run) => {
    assert.equal(run.state, "succeeded", JSON.stringify(run));
    assert.deepEqual(await namesIn(target), ["files/a", "files/b"]);
    const policies = await target.sql`
      select policyname from pg_policies where schemaname = 'storage'`;
    assert.deepEqual([...policies], []);
    assert.equal(run.result.missing_policies[0].policyname, policy.policyname);
  });
});
