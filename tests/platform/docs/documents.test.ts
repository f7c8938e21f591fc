import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createBucket, upload } from "../../support/objects.ts";
import { blocksOf, User } from "./support/user.ts";

const README = "README.md";
const RESTORE = "docs/RESTORE.md";
const OPERATIONS = "docs/OPERATIONS.md";
const SECURITY = "docs/SECURITY.md";

const NAME = "2026/the plan (final).txt";
const TEXT = "what is in the file";

/** The bytes of the file as Storage gives them; undefined where it is missing. */
async function read(user: User): Promise<string | undefined> {
  const { data } = await user.project.storage.from("documents").download(NAME);
  return await data?.text();
}

async function location(user: User, bucket: string, name: string, text: string): Promise<void> {
  await upload(user.project, bucket, name, text, { userMetadata: { pages: 3 } });
}

Deno.test("the README and what it links to do what they say, block by block", async (t) => {
  await using user = await User.create();
  const blocks = await blocksOf(README);
  const restore = blocks.findIndex(({ text }) => text.includes("holdfast-restore/runs"));
  const estimate = blocks.findIndex(({ text }) => text.includes("holdfast.estimate()"));
  assert.ok(0 < estimate && estimate < restore);

  await t.step("installed, with the project's own files in it", async () => {
    await user.followAll(blocks.slice(0, estimate), README);
    for (const bucket of ["avatars", "documents"]) await createBucket(user.project, bucket);
    await location(user, "documents", NAME, TEXT);
    await location(user, "avatars", "one.png", "no picture");
  });

  await t.step("backed up by its schedule", async () => {
    await user.followAll(blocks.slice(estimate, restore), README);
    const [row] = await user.project.sql`select id from holdfast.runs`;
    const run = await user.project.succeeded(row!.id);
    assert.equal(run.counters.objects_copied, 2);
  });

  await t.step("a file that was deleted is back", async () => {
    await user.project.storage.from("documents").remove([NAME]);
    assert.equal(await read(user), undefined);
    await user.follow(blocks[restore]!, README);
    assert.equal(await read(user), TEXT);
    const [row] = await user.project.sql`
      select user_metadata from storage.objects where name = ${NAME}`;
    assert.deepEqual(row!.user_metadata, { pages: 3 });
    const [dry_run, restored] = user.answers;
    assert.equal(dry_run!["state"], "succeeded", "the dry run answers what would be done");
    assert.match(String(restored!["location"]), /^\/functions\/v1\/holdfast-restore\/runs\//);
  });

  await t.step("the reference", async () => {
    await user.followAll(blocks.slice(restore + 1), README);
    const [row] = await user.project
      .sql`select value from holdfast.settings where name = 'buckets'`;
    assert.deepEqual(row!.value, ["avatars", "documents"]);
  });

  await t.step(OPERATIONS, async () => {
    await user.followAll(await blocksOf(OPERATIONS), OPERATIONS);
  });

  await t.step(SECURITY, async () => {
    await user.followAll(await blocksOf(SECURITY), SECURITY);
  });

  await t.step(`${RESTORE}, for a project that never saw the repository`, async () => {
    await using other = await User.create(user.repository);
    await other.followAll(blocks.slice(0, estimate + 1), README);
    const secrets = blocks.findIndex(({ language }) => language === "ini");
    await other.followAll(blocks.slice(secrets, secrets + 2), README);
    await other.followAll(await blocksOf(RESTORE), RESTORE);
    assert.equal(await read(other), TEXT);
    const owner = await other.project.sql`select owner_project from holdfast_private.repositories`;
    assert.deepEqual(owner.map((row) => row.owner_project), [other.project.url]);
  });
});

Deno.test("no other document has a block that nobody runs", async () => {
  const docs = fileURLToPath(new URL("../../../docs", import.meta.url));
  const covered = [RESTORE, OPERATIONS, SECURITY];
  for await (const { name } of Deno.readDir(docs)) {
    const file = `docs/${name}`;
    if (!name.endsWith(".md") || covered.includes(file)) continue;
    const runnable = (await blocksOf(file)).filter(({ language }) => language !== "");
    assert.deepEqual(runnable, [], `${file} has blocks: run them in this test`);
  }
});
