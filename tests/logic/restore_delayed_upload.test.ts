import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { type ObjectRow, readRows } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { tick } from "../support/tick.ts";

const BYTES = "what was backed up";

/**
 * A project with one restored file, uploaded by a worker that had lost its lease, or by a run that
 * ended before it committed the page.
 */
async function createRestored(
  by: "delayed worker" | "ended run" = "delayed worker",
): Promise<{ project: TestProject; restored: ObjectRow }> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", BYTES, { userMetadata: { edition: 1 } });
  await project.sql`update storage.objects set owner_id = 'somebody'`;
  const { snapshot } = (await project.backup()).result;
  await upload(project, "files", "a", "something else");
  await project.backup();
  const { id } = await project.restore({ snapshot, overwrite: "if_changed" });
  const restored = await rowOf(project);
  assert.deepEqual(restored.user_metadata, { edition: 1 });
  const ended = by === "ended run";
  await project.sql`
    insert into holdfast_private.overwrites (run, bucket_id, name, version, metadata, keeps, doubtful_at, put, etag)
    select ${id}, o.bucket_id, o.name, 'before', o.metadata, ${ended},
      case when not ${ended} then now() end, case when not ${ended} then o.version end,
      case when not ${ended} then o.etag end
    from holdfast_private.source_objects o`;
  return { project, restored };
}

async function rowOf(project: TestProject): Promise<ObjectRow> {
  return (await readRows(project.sql)).get("files/a")!;
}

Deno.test("the next tick repairs the row after a delayed upload over a restored object", async () => {
  const { project: made, restored } = await createRestored();
  await using project = made;
  for (let uploads = 0; uploads < 2; uploads++) {
    await upload(project, "files", "a", BYTES);
    const { version, metadata } = await rowOf(project);
    assert.notEqual(version, restored.version);
    await tick(project);
    assert.deepEqual(await rowOf(project), { ...restored, version, metadata });
  }
});

const USER_UPLOADS: [what: string, bytes: string, metadata?: Record<string, unknown>][] = [
  ["other bytes", BYTES.toUpperCase()],
  ["the same bytes with other user metadata", BYTES, { edition: 2 }],
];
for (const [what, bytes, userMetadata] of USER_UPLOADS) {
  Deno.test(`an object that a user uploads over a restored one is kept: ${what}`, async () => {
    const { project: made } = await createRestored();
    await using project = made;
    await upload(project, "files", "a", bytes, { userMetadata });
    const theirs = await rowOf(project);
    await tick(project);
    assert.deepEqual(await rowOf(project), theirs);
  });
}

Deno.test("if a run ends between its upload and its commit, the row's metadata is restored", async () => {
  const { project: made, restored } = await createRestored("ended run");
  await using project = made;
  await upload(project, "files", "a", BYTES);
  const { version, metadata } = await rowOf(project);
  await tick(project);
  assert.deepEqual(await rowOf(project), { ...restored, version, metadata });
});

Deno.test("an error in the repair of a delayed upload does not stop housekeeping", async () => {
  const { project: made } = await createRestored();
  await using project = made;
  await upload(project, "files", "a", BYTES);
  await project
    .sql`alter table storage.objects add constraint no_words check (user_metadata = '{}') not valid`;
  const [row] = await project.sql<
    { housekeeping: Record<string, unknown> }[]
  >`select holdfast_private.housekeeping()`;
  assert.match(String(row!.housekeeping.not_repaired), /no_words/);
});
