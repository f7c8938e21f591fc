import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

/** Numbers that a double cannot represent, as SQL can write them to a row. */
const NUMBERS = '{"id": 12345678901234567890, "price": 1.50, "large": 1e40, "list": [0.10]}';

const userMetadata = (project: TestProject) =>
  project.sql`select user_metadata::text from storage.objects`.then(([row]) => row!.user_metadata);

Deno.test("numbers in user metadata keep every digit and do not count as a change", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.sql`update storage.objects set user_metadata = ${NUMBERS}::text::jsonb`;
  const kept = await userMetadata(project);
  assert.match(kept, /12345678901234567890.*1\.50/);
  await project.backup();
  const { counters } = await project.backup();
  assert.deepEqual([counters.objects_copied ?? 0, counters.objects_held ?? 0], [0, 0]);

  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  assert.equal(await userMetadata(target), kept);
});

Deno.test("a row with an impossible size is backed up like a row without a size", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "four");
  await project.sql`
    update storage.objects set metadata = metadata || '{"size": 9007199254740993}'`;
  const { entries } = await project.backupSnapshot();
  assert.equal(entries.get("files/a")!.size, 4);
});
