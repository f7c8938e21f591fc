import assert from "node:assert/strict";
import { letRead, slowRead, untilRead } from "../support/hold.ts";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

/** A backup that is still copying when another project takes the repository over. */
async function overtaken(prepare: (project: TestProject) => Promise<unknown>): Promise<void> {
  await using old = await TestProject.create();
  await using heir = await TestProject.create({ repository: old.repository });
  await createBucket(old, "files");
  await upload(old, "files", "a");
  await old.backup();
  await prepare(old);
  await upload(old, "files", "slow");
  await slowRead(old, "slow");
  const run = await old.start("backup/runs");
  await untilRead(old, "slow");
  await heir.succeeded(await heir.start("backup/take-over", { force: true }));
  await letRead(old);
  const { state, code, message } = await old.ended(run);
  assert.deepEqual([state, code], ["failed", "repository_not_ours"]);
  assert.match(message!, new RegExp(heir.url));
  await heir.backup();
}

Deno.test("a backup cannot write the next log record after another project takes over", async () => {
  await overtaken(() => Promise.resolve());
});

Deno.test("a backup whose record has another sequence reads the log before it seals", async () => {
  // Abandoned runs used sequences, so the two records have different keys.
  await overtaken((old) => old.sql`update holdfast_private.runs set sequence = sequence + 7`);
});
