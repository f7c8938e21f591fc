import assert from "node:assert/strict";
import { letRead, slowRead, untilRead } from "./support/hold.ts";
import { createBucket, upload } from "./support/objects.ts";
import { TestProject } from "./support/project.ts";

Deno.test("a backup that was overtaken by a new owner is not sealed", async () => {
  await using old = await TestProject.create();
  await using heir = await TestProject.create({ repository: old.repository });
  await createBucket(old, "files");
  await upload(old, "files", "a");
  await old.backup();
  // Runs that were abandoned took sequences, so that the two records do not meet under one key.
  await old.sql`update holdfast.runs set sequence = sequence + 7`;
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
});
