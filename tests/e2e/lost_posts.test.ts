import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { createBucket, upload } from "./support/objects.ts";
import { TestProject } from "./support/project.ts";
import { schedule, tick, tickToTheEnd } from "./support/tick.ts";

/** More than one slice does: names that need no request, so that the test is quick. */
const ROWS = 6_000;
/** Little, so that a slice does not do them all. */
const CPU_MILLISECONDS = 200;

async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await project.client.setSecrets({ HOLDFAST_CPU_MILLISECONDS: `${CPU_MILLISECONDS}` });
  await schedule(project);
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.sql`
    insert into storage.objects (bucket_id, name, version, metadata)
    select 'files', 'a/../' || n, gen_random_uuid(), '{"size": 1}' from generate_series(1, ${ROWS}) n`;
  return project;
}

/** Posts that were sent, whatever came of them: a busy machine may not answer in time. */
async function countPosts(project: TestProject): Promise<number> {
  const [row] = await project.sql`select count(*)::int as posts from net._http_response`;
  return row!.posts;
}

Deno.test("a slice that ends with work left posts the next", async () => {
  await using project = await createProject();
  const run = await project.start("backup/runs");
  // The first slice was begun by the request that started the run, and not by a post.
  await eventually("a post", async () => await countPosts(project) > 0);
  await tickToTheEnd(project, run);
  const { counters } = await project.succeeded(run);
  assert.equal(counters.objects_unavailable, ROWS);
  const { document } = await project.reader.snapshot();
  assert.equal(document.totals.unavailable, ROWS);
});

Deno.test("a lost post costs a minute: the tick posts again, and nothing is done twice", async () => {
  await using project = await createProject();
  await project.client.dropNet(1);
  const run = await project.start("backup/runs");
  // The first slice ends, and what it posts is lost.
  await project.client.functionsIdle();
  await project.client.drainNet();
  await project.client.functionsIdle();
  const { state, counters } = await project.run(run);
  assert.equal(state, "running", "nothing was lost");
  assert.ok(counters.objects_unavailable! > 0 && counters.objects_unavailable! < ROWS);
  await tickToTheEnd(project, run);
  const ended = await project.succeeded(run);
  assert.equal(ended.counters.objects_unavailable, ROWS);
  assert.equal((await project.reader.snapshot()).document.totals.unavailable, ROWS);
});

Deno.test("ticks and posts too many change nothing", async () => {
  await using project = await createProject();
  const run = await project.start("backup/runs");
  for (let n = 0; n < 4; n++) {
    await project.sql`select holdfast.post_slice(${run})`;
    await tick(project);
  }
  await tickToTheEnd(project, run);
  const ended = await project.succeeded(run);
  assert.equal(ended.counters.objects_unavailable, ROWS);
  assert.equal((await project.reader.snapshot()).document.totals.unavailable, ROWS);
  assert.equal((await project.reader.snapshotIds()).length, 1);
});
