import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readBuckets, readObjects } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { expireLeases, tick, tickToTheEnd } from "../support/tick.ts";

/** A project with a bucket that has unusual settings, and a backup of it. */
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

/**
 * Starts a restore that cannot create the bucket `two`, and waits until it releases its first
 * lease.
 */
async function startWithoutTwo(
  target: TestProject,
  fault: { status: number } | { reset: "after" },
): Promise<string> {
  // Passes the requests for the scratch bucket and the bucket `one`, and fails all for the other.
  await target.addStorageFault({ route: "POST bucket", skip: 2, count: 4, fault });
  const run = await target.start("restore/runs", { dry_run: false });
  await target.client.functionsIdle();
  const [cursor] = await target.sql`
    select stage, lease_owner, position -> 'asked' as asked from holdfast_private.cursors
    where run = ${run} and finished_at is null`;
  assert.deepEqual({ ...cursor }, { stage: "buckets", lease_owner: null, asked: ["two"] });
  return run;
}

Deno.test("a restore overwrites nothing in a bucket that a user creates while the restore retries", async () => {
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

Deno.test("objects are restored by move into a bucket that another client may have created", async () => {
  await using source = await createSource();
  await using target = await TestProject.create({ repository: source.repository });
  const run = await startWithoutTwo(target, { status: 503 });
  // The same migrations create it in the source and in the target.
  await ok(target.storage.createBucket("two", { public: false }));
  await tickToTheEnd(target, run);
  const { records } = await target.client.storageRequests();
  const puts = records.filter(({ route }) => route === "POST object").map(({ path }) => path);
  assert.ok(puts.includes("/object/one/file"), `${puts}`);
  assert.ok(!puts.includes("/object/two/file"), `${puts}`);
  assert.equal((await target.run(run)).result.did.objects_restored, 2);
});

Deno.test("a bucket whose creation lost its response is restored with all its settings", async () => {
  await using source = await createSource();
  await using target = await TestProject.create({ repository: source.repository });
  const run = await startWithoutTwo(target, { reset: "after" });
  await tickToTheEnd(target, run);
  assert.equal((await target.run(run)).state, "succeeded");
  assert.deepEqual(await readBuckets(target.sql), await readBuckets(source.sql));
});

Deno.test("a restore completes the settings of a bucket that a cancelled restore created", async () => {
  await using source = await createSource();
  await source.sql`update storage.buckets set file_size_limit = 1000000000000000`;
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  // Passes the scratch bucket and the second try for the bucket `one`, without its limit. Fails the
  // rest.
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

Deno.test("a restored bucket does not take a name that another bucket has", async () => {
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

Deno.test("repeated requests for the same bucket do not count as progress", async () => {
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
