import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readBuckets, readObjects } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { expireLeases, tick, tickToTheEnd } from "../support/tick.ts";

/** A project with a bucket of odd settings, and a backup of it. */
async function createSource(): Promise<TestProject> {
  const project = await TestProject.create();
  for (const bucket of ["one", "two"]) {
    await createBucket(project, bucket);
    await upload(project, bucket, "file", `bytes in ${bucket}`);
  }
  await project.sql`
    update storage.buckets set owner_id = 'somebody', created_at = '2026-01-02T03:04:05Z'`;
  await project.backup();
  return project;
}

/** Starts a restore that can make no bucket `two`, and waits until its first lease was left. */
async function startWithoutTwo(
  target: TestProject,
  fault: { status: number } | { reset: "after" },
): Promise<string> {
  // The scratch bucket, the bucket `one`, and then all tries for the other.
  await target.addStorageFault({ route: "POST bucket", skip: 2, count: 4, fault });
  const run = await target.start("restore/runs", { dry_run: false });
  await target.client.functionsIdle();
  const [cursor] = await target.sql`
    select stage, lease_owner, position -> 'asked' as asked from holdfast_private.cursors
    where run = ${run} and finished_at is null`;
  assert.deepEqual({ ...cursor }, { stage: "buckets", lease_owner: null, asked: ["two"] });
  return run;
}

Deno.test("a bucket that somebody made while a restore could not is theirs, and nothing in it is written over", async () => {
  await using source = await createSource();
  await using target = await TestProject.create({ repository: source.repository });
  const run = await startWithoutTwo(target, { status: 503 });
  await ok(target.storage.createBucket("two", { public: true, fileSizeLimit: 5 }));
  await upload(target, "two", "file", "mine");
  const theirs = (await readBuckets(target.sql)).find(({ id }) => id === "two");
  await tickToTheEnd(target, run);

  const { state, result } = await target.run(run);
  assert.equal(state, "succeeded");
  const buckets = await readBuckets(target.sql);
  assert.deepEqual(buckets.find(({ id }) => id === "two"), theirs);
  assert.deepEqual(
    buckets.find(({ id }) => id === "one"),
    (await readBuckets(source.sql)).find(({ id }) => id === "one"),
    "the bucket that it made itself has all its settings",
  );
  assert.deepEqual([result.did.objects_restored, result.did.objects_kept], [1, 1]);
  assert.equal((await readObjects(target)).get("two/file")!.metadata.size, "mine".length);
});

Deno.test("objects go into a bucket that may be somebody else's by move", async () => {
  await using source = await createSource();
  await using target = await TestProject.create({ repository: source.repository });
  const run = await startWithoutTwo(target, { status: 503 });
  // As the same migrations make it that made it in the source.
  await ok(target.storage.createBucket("two", { public: false }));
  await tickToTheEnd(target, run);
  const { records } = await target.client.storageRequests();
  const puts = records.filter(({ route }) => route === "POST object").map(({ path }) => path);
  assert.ok(puts.includes("/object/one/file"), `${puts}`);
  assert.ok(!puts.includes("/object/two/file"), `${puts}`);
  assert.equal((await target.run(run)).result.did.objects_restored, 2);
});

Deno.test("a bucket whose making had no answer comes back with all its settings", async () => {
  await using source = await createSource();
  await using target = await TestProject.create({ repository: source.repository });
  const run = await startWithoutTwo(target, { reset: "after" });
  await tickToTheEnd(target, run);
  assert.equal((await target.run(run)).state, "succeeded");
  assert.deepEqual(await readBuckets(target.sql), await readBuckets(source.sql));
});

Deno.test("a bucket that a cancelled restore made gets its settings from the next one", async () => {
  await using source = await createSource();
  await source.sql`update storage.buckets set file_size_limit = 1000000000000000`;
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  // The scratch bucket, and the bucket `one` at its second try, without its limit; then nothing more.
  await target.addStorageFault({ route: "POST bucket", skip: 3, count: 4, fault: { status: 503 } });
  const run = await target.start("restore/runs", { dry_run: false });
  await target.client.functionsIdle();
  const key = await target.key("restore");
  await target.call("POST", `holdfast-restore/runs/${run}/cancel`, { key });
  assert.deepEqual(
    (await readBuckets(target.sql)).map(({ id, file_size_limit }) => [
      String(id).replace(/^holdfast-scratch-.*/, "scratch"),
      file_size_limit,
    ]),
    [["scratch", null], ["one", null]],
  );
  const { result } = await target.restore();
  assert.equal(result.did.objects_restored, 2);
  const left = (await readBuckets(target.sql)).filter(({ id }) =>
    !String(id).startsWith("holdfast-")
  );
  assert.deepEqual(left, await readBuckets(source.sql));
});

Deno.test("a bucket's name that another bucket has is left to that one", async () => {
  await using source = await createSource();
  await source.sql`update storage.buckets set name = 'pictures' where id = 'one'`;
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await createBucket(target, "pictures");
  const { result } = await target.restore();
  assert.equal(result.did.objects_restored, 2);
  const names = (await readBuckets(target.sql)).map(({ id, name }) => `${id}: ${name}`);
  assert.deepEqual(names.sort(), ["one: one", "pictures: pictures", "two: two"]);
});

Deno.test("asking for the same bucket again and again is no progress", async () => {
  await using source = await createSource();
  await using target = await TestProject.create({ repository: source.repository });
  const run = await startWithoutTwo(target, { status: 503 });
  await target.addStorageFault({ route: "POST bucket", skip: 1, count: 4, fault: { status: 503 } });
  const committed = async () => {
    const [row] = await target.sql<{ at: string; attempts: number }[]>`
      select committed_at::text as at, attempts from holdfast_private.cursors
      where run = ${run} and stage = 'buckets'`;
    return row!;
  };
  const before = await committed();
  await expireLeases(target);
  await tick(target);
  await target.client.functionsIdle();
  assert.deepEqual(await committed(), { at: before.at, attempts: before.attempts + 1 });
});
