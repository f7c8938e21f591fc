import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { readObjects, restorable } from "../support/project_reader.ts";

const NAMES = [
  "a name with spaces",
  " leading and trailing ",
  "plus+question?and&semicolon;comma,colon:at@equals=",
  "quote'star*bang!(paren)$dollar",
  "double//slash",
  "/leading slash",
  "trailing slash/",
  "//",
  ".hidden",
  "folder/.hidden/.file",
  "...",
  "dots..in..it/a..b",
  "folder/.emptyFolderPlaceholder",
  "-dash_underscore.",
  "UPPER/lower/UPPER",
  "a",
  "a/b",
  "a/b/c",
  // The longest name that fits the backend's keys with the bucket and the version.
  `${"long/".repeat(190)}12345`,
  "x".repeat(240),
  "y".repeat(255),
];

/** Unusual bucket ids that Storage accepts. */
const BUCKETS = ["plain", "with space", "a+b&c;d,e:f@g=h'i", "(x)*!$.y"];

Deno.test("every legal unusual name is backed up and restored under the same name", async () => {
  await using project = await TestProject.create();
  for (const bucket of BUCKETS) await createBucket(project, bucket);
  for (const [index, name] of NAMES.entries()) {
    const body = name.endsWith("Placeholder") ? new Uint8Array(0) : `bytes of ${name}`;
    await upload(project, "plain", name, body);
    await upload(project, BUCKETS[index % BUCKETS.length]!, `${index}`, body);
  }
  const { document } = await assertHolds(project, await project.backupSnapshot());
  assert.equal(document.totals.unavailable, 0);

  await using target = await TestProject.create({ repository: project.repository });
  const { result } = await target.restore();
  assert.equal(result.did.objects_verified, 2 * NAMES.length);
  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
});

Deno.test("names that differ only in case or in one byte remain distinct", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "A", "a ", " a", "a/", "/a", "a.", "a-", "a_", "a/a", "a//a"]) {
    await upload(project, "files", name, `the one named <${name}>`);
  }
  await project.backup();
  await upload(project, "files", "A", "changed");
  const { run } = await assertHolds(project, await project.backupSnapshot());
  assert.equal(run.counters.objects_copied, 1);
});
