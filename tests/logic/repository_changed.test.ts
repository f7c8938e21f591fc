import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import type { TestProject } from "../support/project.ts";
import { RepositoryReader } from "../../stack/repository_reader.ts";
import { addRows, createProject, startAndStop } from "../support/several_slices.ts";
import { tick } from "../support/tick.ts";

/** The default prefix and another one. */
const PREFIX = "holdfast";
const OTHER_PREFIX = "another/place";

/** A project with a first backup. */
async function createBackedUp(): Promise<TestProject> {
  const project = await createProject();
  await createBucket(project, "files");
  await upload(project, "files", "a", "backed up");
  await project.backup();
  return project;
}

/** Starts a backup of new objects. It has copied the first when its next post is lost. */
async function stopMidway(project: TestProject): Promise<string> {
  await upload(project, "files", "a", "overwritten");
  await upload(project, "files", "b", "new");
  await addRows(project, "c");
  await upload(project, "files", "z", "last");
  const run = await startAndStop(project);
  const { state, counters } = await project.run(run);
  assert.deepEqual([state, counters.objects_copied], ["running", 2]);
  return run;
}

/** Reads the new objects of a snapshot at their location. */
async function assertBytes(project: TestProject, prefix: string, id: string): Promise<void> {
  const reader = new RepositoryReader(project.bucket, prefix);
  const { entries } = await reader.snapshot(id);
  for (const [name, text] of [["a", "overwritten"], ["b", "new"], ["z", "last"]]) {
    const bytes = await reader.bytes(entries.get(`files/${name}`)!);
    assert.equal(new TextDecoder().decode(bytes), text);
  }
}

async function setPrefix(project: TestProject, prefix: string): Promise<void> {
  await project.client.setSecrets({ HOLDFAST_S3_PREFIX: prefix });
}

Deno.test("a run fails and loses nothing if its secrets change to another repository", async () => {
  await using project = await createBackedUp();
  const run = await stopMidway(project);
  await setPrefix(project, OTHER_PREFIX);
  await tick(project);
  const ended = await project.ended(run);
  assert.deepEqual([ended.state, ended.code], ["failed", "repository_changed"]);
  assert.match(ended.message!, /another\/place/);
  assert.deepEqual(await project.bucket.keys(OTHER_PREFIX), []);

  await setPrefix(project, PREFIX);
  const { counters, result } = await project.backup();
  assert.equal(counters.objects_copied, 1, "the copied object was copied again");
  await assertBytes(project, PREFIX, result.snapshot);
});

Deno.test("unsealed blobs are not assumed to exist in a copy of the repository", async () => {
  await using project = await createBackedUp();
  const sealed = await project.bucket.keys(PREFIX);
  const run = await stopMidway(project);
  const key = await project.key("operate");
  await project.call("POST", `holdfast-backup/runs/${run}/cancel`, { key });
  for (const name of sealed) {
    const copy = `${OTHER_PREFIX}${name.slice(PREFIX.length)}`;
    await project.bucket.put(copy, (await project.bucket.get(name))!);
  }
  await setPrefix(project, OTHER_PREFIX);

  const { counters, result } = await project.backup();
  assert.equal(counters.objects_copied, 3);
  await assertBytes(project, OTHER_PREFIX, result.snapshot);
});
