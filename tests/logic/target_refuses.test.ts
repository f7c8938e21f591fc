import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readBuckets, readRows } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { tickToTheEnd } from "../support/tick.ts";

Deno.test("an object that the target refuses is recorded, and the restore continues", async () => {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  for (const name of ["a", "b", "c"]) await upload(source, "files", name, `bytes of ${name}`);
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await target.addStorageFault({
    route: "POST object",
    pathContains: "files/b",
    count: 100,
    fault: { status: 413 },
  });
  const { id, result } = await target.restore();
  assert.deepEqual([result.did.objects_restored, result.did.objects_failed], [2, 1]);
  assert.deepEqual([...(await readRows(target.sql)).keys()], ["files/a", "files/c"]);
  const failures = await target.sql`
    select name, class, code, message from holdfast_private.failures where run = ${id}`;
  const [{ message, ...failure }] = failures as unknown as [Record<string, string>];
  assert.deepEqual(failure, { name: "b", class: "failed", code: "target_refused" });
  assert.match(message!, /413/);

  await target.client.call("clearStorageFaults", {});
  const again = await target.restore();
  assert.deepEqual(
    [again.result.did.objects_restored, again.result.did.objects_already_right],
    [1, 2],
  );
});

Deno.test("an object that fails because of the project's own trigger is recorded, and the restore continues", async () => {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  for (const name of ["a", "b", "c"]) await upload(source, "files", name, `bytes of ${name}`);
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await target.client.applySql(`
    create function public.refuse() returns trigger language plpgsql as $$
      begin raise exception 'no b here'; end $$;
    create trigger refuse before insert or update on storage.objects
      for each row when (new.bucket_id = 'files' and new.name = 'b') execute function public.refuse();`);
  const run = await target.start("restore/runs", { dry_run: false });
  await tickToTheEnd(target, run);
  const { state, result } = await target.run(run);
  assert.deepEqual([state, result.did.objects_failed], ["succeeded", 1]);
  const rows = await readRows(target.sql);
  const wanted = await readRows(source.sql);
  assert.deepEqual([...rows.keys()], ["files/a", "files/c"]);
  for (const [location, { created_at }] of rows) {
    assert.deepEqual(created_at, wanted.get(location)!.created_at, `${location} says what it said`);
  }
  const failures = await target
    .sql`select name, code from holdfast_private.failures where run = ${run}`;
  assert.deepEqual(failures.map((row) => ({ ...row })), [{ name: "b", code: "target_refused" }]);
});

Deno.test("a blob that is damaged in the repository is recorded, and the restore continues", async () => {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  for (const name of ["a", "b", "c"]) await upload(source, "files", name, `bytes of ${name}`);
  const { entries } = await source.backupSnapshot();
  const { stack } = source.client;
  const { bucket } = source.repository;
  await stack.call("damageS3Object", {
    bucket,
    key: `holdfast/${entries.get("files/a")!.key}`,
    at: 3,
  });
  await source.bucket.remove(`holdfast/${entries.get("files/c")!.key}`);
  await using target = await TestProject.create({ repository: source.repository });
  const { id, result } = await target.restore();
  assert.deepEqual([result.did.objects_restored, result.did.objects_failed], [1, 2]);
  assert.deepEqual([...(await readRows(target.sql)).keys()], ["files/b"]);
  const failures = await target.sql`
    select name, code from holdfast_private.failures where run = ${id} order by name`;
  assert.deepEqual(failures.map((row) => ({ ...row })), [
    { name: "a", code: "repository_damaged" },
    { name: "c", code: "repository_damaged" },
  ]);
});

Deno.test("a bucket that cannot be created does not stop the restore of others", async () => {
  await using source = await TestProject.create();
  for (const bucket of ["good", "bad"]) {
    await createBucket(source, bucket);
    await upload(source, bucket, "a");
  }
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await target.client.applySql(`
    create function public.refuse() returns trigger language plpgsql as $$
      begin raise exception 'no bucket named bad here'; end $$;
    create trigger refuse before insert on storage.buckets
      for each row when (new.id = 'bad') execute function public.refuse();`);
  const run = await target.ended(await target.start("restore/runs", { dry_run: false }));
  assert.deepEqual([...(await readRows(target.sql)).keys()], ["good/a"], JSON.stringify(run));
  const failures = await target.sql`
    select bucket_id, name, code from holdfast_private.failures where run = ${run.id}`;
  assert.deepEqual(failures.map((row) => ({ ...row })), [
    { bucket_id: "bad", name: "a", code: "target_refused" },
  ]);
  assert.deepEqual(Object.keys(run.result.buckets_refused), ["bad"]);
  await ok(target.storage.from("good").download("a"));
});

Deno.test("a bucket whose limit exceeds the project's is created with its limit", async () => {
  const limit = 1_000_000_000_000_000;
  await using source = await TestProject.create();
  for (const bucket of ["files", "empty"]) {
    await createBucket(source, bucket);
    await source.sql`update storage.buckets set file_size_limit = ${limit} where id = ${bucket}`;
  }
  await upload(source, "files", "a");
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  const { result } = await target.restore();
  assert.equal(result.buckets_refused, undefined);
  assert.deepEqual([...(await readRows(target.sql)).keys()], ["files/a"]);
  assert.deepEqual(await readBuckets(target.sql), await readBuckets(source.sql));
});
