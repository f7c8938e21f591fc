import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { copied, failed } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const PART = 8 * 1024 * 1024;

sqlTest("the estimate of an empty project is zero", async (project) => {
  assert.deepEqual(await estimate(project), [["(all)", 0, 0, 0]]);
});

sqlTest("before the first run the estimate covers all objects by bucket", async (project) => {
  const objects = new Objects(project.owner);
  const scratch = `holdfast-scratch-${crypto.randomUUID()}`;
  for (const bucket of ["b", "a", "empty", scratch]) await objects.createBucket(bucket);
  await put(project, "a", "none", 0);
  await put(project, "a", "one part", PART);
  await put(project, "b", "two parts", PART + 1);
  await put(project, "b", "three parts", 2 * PART + 1);
  await put(project, "b", "of unknown size", null);
  await put(project, scratch, "ours", 5);
  assert.deepEqual(await estimate(project), [
    ["a", 2, PART, 4],
    ["b", 3, 3 * PART + 2, 6 + 8 + 2],
    ["empty", 0, 0, 0],
    ["(all)", 5, 4 * PART + 2, 20],
  ]);
});

sqlTest("the estimate covers only objects in scope", async (project) => {
  const objects = new Objects(project.owner);
  for (const bucket of ["a", "b"]) await objects.createBucket(bucket);
  for (const name of ["x", "y", "cache/z"]) await put(project, "a", name, 10);
  await put(project, "a", "huge", 1000);
  await put(project, "b", "x", 10);
  await set(project, "buckets", '["a"]');
  await set(project, "exclude", '["a/cache/**"]');
  await set(project, "max_object_bytes", "999");
  assert.deepEqual(await estimate(project), [["a", 2, 20, 4], ["(all)", 2, 20, 4]]);
});

sqlTest("after a backup the estimate covers only the changes", async (project) => {
  const objects = new Objects(project.owner);
  await objects.createBucket("a");
  for (const name of ["x", "y", "z"]) await objects.upload("a", name, { text: name });
  const repository = new Repository();
  await runBackup(project, repository);
  assert.deepEqual(await estimate(project), [["a", 0, 0, 0], ["(all)", 0, 0, 0]]);
  await objects.upload("a", "x", { text: "other" });
  await objects.setUserMetadata("a", "y", { only: "metadata" });
  assert.deepEqual(await estimate(project), [["a", 1, 5, 2], ["(all)", 1, 5, 2]]);

  // Failed objects remain to be copied.
  await runBackup(project, repository, {
    act: (item) => item.name === "x" ? failed(item, "unavailable") : copied(item),
  });
  assert.deepEqual(await estimate(project), [["a", 1, 5, 2], ["(all)", 1, 5, 2]]);
});

sqlTest("every invalid setting is named", async (project) => {
  for (
    const [name, values] of Object.entries({
      buckets: ['"a"', "1", '["a", 2]', '[""]', "{}"],
      include: ["[]", "null", '"**"', "[null]"],
      exclude: ["null", "[1]", '{"a": 1}'],
      max_object_bytes: ["0", "-1", "1.5", '"10"', "[]"],
      workers: ["0", "17", "1.5", '"2"', "null"],
      maximum_age_hours: ["0", "-3", '"24"', "true", "[5]"],
    })
  ) {
    const [{ value }] = await project
      .owner`select holdfast_private.setting(${name})::text as value`;
    for (const wrong of values) {
      await set(project, name, wrong);
      const error = await raised(estimate(project));
      assert.deepEqual([error.code, error.message], ["HF000", "settings_invalid"]);
      assert.match(error.detail ?? "", new RegExp(`^${name} must be [^;]*\\.$`), wrong);
    }
    await set(project, name, value);
  }
  await set(project, "workers", "0");
  await set(project, "include", "[]");
  assert.equal(
    (await raised(estimate(project))).detail,
    "include must be a list of at least one glob; workers must be a whole number from 1 to 16.",
  );
});

sqlTest("valid settings are accepted", async (project) => {
  for (
    const [name, values] of Object.entries({
      buckets: ["null", "[]", '["a", "b"]'],
      include: ['["a/**"]'],
      exclude: ["[]", '["a/*", "b/?"]'],
      max_object_bytes: ["null", "1", "5368709120"],
      workers: ["1", "16"],
      maximum_age_hours: ["null", "0.5", "30"],
    })
  ) {
    for (const value of values) {
      await set(project, name, value);
      await estimate(project);
    }
  }
});

sqlTest(
  "the estimate fails if row level security hides all objects from its owner",
  async (project) => {
    await project.admin`alter role postgres nobypassrls`;
    try {
      assert.equal((await raised(estimate(project))).message, "source_hidden");
    } finally {
      await project.admin`alter role postgres bypassrls`;
    }
  },
  { ownServer: true },
);

/** Bucket, objects, bytes and requests of each row. */
async function estimate({ owner }: SqlProject) {
  const rows = await owner`select * from holdfast.estimate()`;
  return rows.map((row) => {
    assert.equal(row.egress_bytes, row.bytes);
    return [row.bucket_id, Number(row.objects), Number(row.bytes), Number(row.requests)];
  });
}

async function put({ owner }: SqlProject, bucket: string, name: string, size: number | null) {
  await owner`
    insert into storage.objects (bucket_id, name, version, metadata)
    values (${bucket}, ${name}, gen_random_uuid(), ${owner.json({ size, eTag: "x" })})`;
}

async function set({ owner }: SqlProject, name: string, value: string) {
  await owner`select holdfast.set(${name}, ${value}::text::jsonb)`;
}
