import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

Deno.test("an empty full listing closes all open entries of the catalog", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.backup();
  await using reader = await TestProject.create({ repository: project.repository });
  await reader.importLog();

  await ok(project.storage.from("files").remove(["a"]));
  // After many listings of changes, the next listing is a full one.
  await project.sql`
    update holdfast_private.snapshots set document = jsonb_set(document, '{parts}', (
      select jsonb_agg(jsonb_build_object('kind', 'changes', 'entries', 1))
      from generate_series(1, 30)))`;
  const { entries, document } = await project.backupSnapshot();
  assert.deepEqual([entries.size, document.parts], [0, []]);

  await reader.importLog();
  const [{ open }] = await reader.sql<[{ open: number }]>`
    select count(*)::int as open from holdfast_private.entries where removed_in is null`;
  assert.equal(open, 0);
});
