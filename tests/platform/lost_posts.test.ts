import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { createBucket, upload } from "../support/objects.ts";
import type { TestProject } from "../support/project.ts";
import { addRows, createProject, ROWS, startAndStop } from "../support/several_slices.ts";
import { tick, tickToTheEnd } from "../support/tick.ts";

async function createFilled(): Promise<TestProject> {
  const project = await createProject();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await addRows(project, "a");
  return project;
}

/** Posts that were sent, with any result. A busy machine may not respond in time. */
async function countPosts(project: TestProject): Promise<number> {
  const [row] = await project.sql`select count(*)::int as posts from net._http_response`;
  return row!.posts;
}

Deno.test("a slice that ends with remaining work posts the next slice", async () => {
  await using project = await createFilled();
  const run = await project.start("backup/runs");
  // The request that started the run began the first slice. The others began with a post.
  await eventually("a post", async () => await countPosts(project) > 0);
  await tickToTheEnd(project, run);
  const { counters } = await project.succeeded(run);
  assert.equal(counters.objects_unavailable, ROWS);
  const { document } = await project.reader.snapshot();
  assert.equal(document.totals.unavailable, ROWS);
});

Deno.test("the tick posts again after a lost post, and no work is repeated", async () => {
  await using project = await createFilled();
  const run = await startAndStop(project);
  const { state, counters } = await project.run(run);
  assert.equal(state, "running", "nothing was lost");
  assert.ok(counters.objects_unavailable! > 0 && counters.objects_unavailable! < ROWS);
  await tickToTheEnd(project, run);
  const ended = await project.succeeded(run);
  assert.equal(ended.counters.objects_unavailable, ROWS);
  assert.equal((await project.reader.snapshot()).document.totals.unavailable, ROWS);
});

Deno.test("additional ticks and posts change nothing", async () => {
  await using project = await createFilled();
  const run = await project.start("backup/runs");
  for (let n = 0; n < 4; n++) {
    await project.sql`select holdfast_private.post_slice(${run})`;
    await tick(project);
  }
  await tickToTheEnd(project, run);
  const ended = await project.succeeded(run);
  assert.equal(ended.counters.objects_unavailable, ROWS);
  assert.equal((await project.reader.snapshot()).document.totals.unavailable, ROWS);
  assert.equal((await project.reader.snapshotIds()).length, 1);
});
