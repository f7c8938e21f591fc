import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

Deno.test("a new project restores from a repository and then takes it over", async () => {
  await using old = await TestProject.create();
  await createBucket(old, "files");
  await upload(old, "files", "a", "first");
  await old.backup();

  await using heir = await TestProject.create({ repository: old.repository });
  await heir.restore();
  const early = await heir.ended(await heir.start("backup/take-over"));
  assert.deepEqual([early.state, early.code], ["failed", "take_over_too_soon"]);
  assert.match(early.message!, new RegExp(`${old.url} wrote to this repository 0 hours ago`));

  const taken = await heir.ended(await heir.start("backup/take-over", { force: true }));
  assert.equal(taken.state, "succeeded");
  await upload(heir, "files", "b", "second");
  await heir.backup();
  const { entries, document } = await heir.reader.snapshot();
  assert.deepEqual([...entries.keys()].sort(), ["files/a", "files/b"]);
  assert.equal(document.project_url, heir.url);

  const delayed = await old.ended(await old.start("backup/runs"));
  assert.deepEqual([delayed.state, delayed.code], ["failed", "repository_not_ours"]);
  assert.match(delayed.message!, new RegExp(`belongs to ${heir.url}`));
});
