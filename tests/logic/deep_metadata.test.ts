/** User metadata nested deeper than parsers support. Any user who may upload can send them. */
import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

/**
 * About 12 KB of base64, as an upload's header carries it. No double represents the number exactly.
 */
const DEPTH = 4_500;
const DEEP = `{"x": 1.50, "deep": ${"[".repeat(DEPTH)}${"]".repeat(DEPTH)}}`;

/** Reads user metadata as text, without parsing it. */
async function userMetadataText(project: TestProject, name: string): Promise<string> {
  const [row] = await project.sql<{ said: string }[]>`
    select user_metadata::text as said from storage.objects where name = ${name}`;
  return row!.said;
}

Deno.test("deeply nested user metadata are backed up, listed and restored unchanged", async () => {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  for (const name of ["deep", "flat"]) await upload(source, "files", name);
  await source.sql`update storage.objects set user_metadata = '{"a": "b"}' where name = 'flat'`;
  await source
    .sql`update storage.objects set user_metadata = ${DEEP}::text::jsonb where name = 'deep'`;
  const { run, entries } = await source.backupSnapshot();
  assert.equal(run.counters.objects_copied, 2);
  const { user_metadata, user_metadata_text: text } = entries.get("files/deep")!;
  assert.deepEqual([user_metadata, text], [null, DEEP]);
  assert.equal(entries.get("files/flat")!.user_metadata_text, undefined);
  assert.equal((await source.backup()).counters.objects_copied ?? 0, 0, "nothing has changed");

  await using target = await TestProject.create({ repository: source.repository });
  const { result } = await target.restore();
  assert.equal(result.did.objects_restored, 2);
  assert.equal(await userMetadataText(target, "deep"), DEEP);
  assert.equal(await userMetadataText(target, "flat"), '{"a": "b"}');
  const again = await target.restore({ overwrite: "if_changed" });
  assert.equal(again.result.did.objects_already_right, 2);
});
