import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readObjects } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { countRequests } from "../support/requests.ts";

const LOCATIONS = [
  "images/cat.png",
  "images/cache/thumb.png",
  "images/deep/cache/thumb.jpg",
  "images/large.png",
  "papers/plan.txt",
  "papers/plan.txt.bak",
  "papers/drafts/old.txt",
];

/** The project of these tests. `large.png` has 2,000 bytes; all other files are far smaller. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  for (const bucket of ["images", "papers"]) await createBucket(project, bucket);
  for (const location of LOCATIONS) {
    const [bucket, ...name] = location.split("/");
    const body = location.includes("large") ? "x".repeat(2_000) : `bytes of ${location}`;
    await upload(project, bucket!, name.join("/"), body);
  }
  return project;
}

async function set(project: TestProject, name: string, value: unknown): Promise<void> {
  await project.sql`select holdfast.set(${name}, ${JSON.stringify(value)}::text::jsonb)`;
}

/** Backs up and returns the locations in the snapshot. */
async function backupLocations(project: TestProject): Promise<string[]> {
  return [...(await project.backupSnapshot()).entries.keys()].sort();
}

const without = (...locations: string[]) =>
  LOCATIONS.filter((location) => !locations.includes(location)).sort();

Deno.test("exclude omits objects whose bucket and name match a glob", async () => {
  await using project = await createProject();
  await set(project, "exclude", ["**/cache/**", "papers/*.bak"]);
  assert.deepEqual(
    await backupLocations(project),
    without("images/cache/thumb.png", "images/deep/cache/thumb.jpg", "papers/plan.txt.bak"),
  );
});

Deno.test("include selects only objects that match one of its globs", async () => {
  await using project = await createProject();
  await set(project, "include", ["images/*.png", "papers/**"]);
  assert.deepEqual(
    await backupLocations(project),
    without("images/cache/thumb.png", "images/deep/cache/thumb.jpg"),
  );
});

Deno.test("objects larger than max_object_bytes are omitted", async () => {
  await using project = await createProject();
  await set(project, "max_object_bytes", 1_999);
  assert.deepEqual(await backupLocations(project), without("images/large.png"));
  await set(project, "max_object_bytes", 2_000);
  assert.deepEqual(await backupLocations(project), LOCATIONS.toSorted());
});

Deno.test("buckets lists the buckets to back up, and an empty list selects none", async () => {
  await using project = await createProject();
  await set(project, "buckets", ["papers"]);
  const { document, entries } = await project.backupSnapshot();
  assert.deepEqual(document.buckets.map(({ id }) => id), ["papers"]);
  assert.ok([...entries.keys()].every((location) => location.startsWith("papers/")));
  await set(project, "buckets", []);
  assert.deepEqual(await backupLocations(project), []);
});

Deno.test("newly excluded objects are closed as excluded and return without being read", async () => {
  await using project = await createProject();
  await project.backup();
  await set(project, "buckets", ["papers"]);
  await set(project, "exclude", ["papers/drafts/**"]);
  const { run, entries } = await project.backupSnapshot();
  assert.deepEqual([...entries.keys()].sort(), ["papers/plan.txt", "papers/plan.txt.bak"]);
  assert.equal(run.counters.objects_excluded, 5);
  assert.equal(run.counters.objects_removed ?? 0, 0);

  await set(project, "buckets", null);
  await set(project, "exclude", []);
  const again = await countRequests(project, () => backupLocations(project));
  assert.deepEqual(again.result, LOCATIONS.toSorted());
  assert.deepEqual(again.storage, {});
});

Deno.test("Holdfast's own scratch and drill buckets are never backed up", async () => {
  await using project = await createProject();
  const scratch = `holdfast-scratch-${crypto.randomUUID()}`;
  await createBucket(project, scratch);
  await upload(project, scratch, "file");
  const { document, entries } = await project.backupSnapshot();
  assert.deepEqual(document.buckets.map(({ id }) => id), ["images", "papers"]);
  assert.deepEqual([...entries.keys()].sort(), LOCATIONS.toSorted());
});

Deno.test("a user's bucket with a name like Holdfast's is backed up and restored", async () => {
  await using project = await TestProject.create();
  const buckets = ["holdfast-assets", "holdfast-scratch-paper"];
  for (const bucket of buckets) {
    await createBucket(project, bucket);
    await upload(project, bucket, "file", `bytes in ${bucket}`);
  }
  const { document, entries } = await project.backupSnapshot();
  assert.deepEqual(document.buckets.map(({ id }) => id), buckets);
  assert.deepEqual([...entries.keys()], buckets.map((bucket) => `${bucket}/file`));

  await ok(project.storage.from(buckets[0]!).remove(["file"]));
  assert.equal((await project.restore()).result.did.objects_restored, 1);
  await using target = await TestProject.create({ repository: project.repository });
  assert.equal((await target.restore()).result.did.objects_restored, 2);
  for (const to of [project, target]) {
    assert.deepEqual([...(await readObjects(to)).keys()].sort(), [...entries.keys()].sort());
  }
});
