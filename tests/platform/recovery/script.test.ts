import assert from "node:assert/strict";
import { join } from "node:path";
import { bytesOf, createBucket, upload } from "../../support/objects.ts";
import { readObjects } from "../../support/project_reader.ts";
import { TestProject } from "../../support/project.ts";
import { digestOf } from "../../../stack/repository_reader.ts";
import { digestsBelow, inFolder, recover } from "./support.ts";

const MIB = 1024 * 1024;
/** Names that no file system has as they are, or that are in each other's way as a file and a folder. */
const ODD_NAMES = ["a", "a/b", "c//d", "e/", " f ", "g'h\"$(i)`j`", "*?[k]", "-rf", "l".repeat(300)]
  .filter((name) => /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]*$/.test(name));

/** A project with odd, large, overwritten, deleted and missing objects, backed up twice. */
async function backedUp(): Promise<TestProject> {
  const project = await TestProject.create();
  for (const bucket of ["files", "other files"]) await createBucket(project, bucket);
  for (const name of ODD_NAMES) await upload(project, "files", name, `bytes of ${name}`);
  await upload(project, "other files", "large", bytesOf(17 * MIB));
  await upload(project, "other files", "empty", new Uint8Array(0));
  for (const name of ["changed", "deleted", "lost"]) await upload(project, "files", name, "old");
  await project.backup();
  await upload(project, "files", "changed", "new", { userMetadata: { n: 1 } });
  await project.storage.from("files").remove(["deleted"]);
  await upload(project, "files", "lost", "never held");
  await project.client.loseBytes("files", "lost");
  await project.backup();
  return project;
}

/** A project with little, of which one object was changed and one deleted since the first backup. */
async function littleBackedUp(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["changed", "deleted"]) await upload(project, "files", name, "old");
  await project.backup();
  await upload(project, "files", "changed", "new");
  await project.storage.from("files").remove(["deleted"]);
  await project.backup();
  return project;
}

Deno.test("the script in the bucket restores the newest snapshot into a folder, and checks it", async () => {
  await using project = await backedUp();
  await inFolder(async (folder) => {
    const { code, said, complained } = await recover(project, folder);
    assert.deepEqual([code, complained], [0, ""], said);
    const count = ODD_NAMES.length + 4;
    assert.match(said, new RegExp(`restored ${count} of ${count} objects, 0 .*, 0 failed\n$`));

    const restored = join(folder, "restored");
    const objects = await readObjects(project);
    const expected = [...objects].map(([location, { sha256 }]) =>
      location === "files/lost" ? digestOf(new TextEncoder().encode("old")) : sha256
    );
    assert.deepEqual(await digestsBelow(restored), expected.sort());
    assert.equal(await Deno.readTextFile(join(restored, "files", "changed")), "new");
    // Where a file and a folder have one name, it is always the folder's.
    assert.equal(await Deno.readTextFile(join(restored, "files", "a", "b")), "bytes of a/b");
    const lines = (await Deno.readTextFile(join(restored, "holdfast-entries.ndjson"))).split("\n");
    const changed = lines.map((line) => JSON.parse(line || "{}"))
      .find(({ name }) => name === "changed");
    assert.deepEqual(changed.user_metadata, { n: 1 });
  });
});

Deno.test("a damaged object is reported and not written, and a second run fetches what is missing", async () => {
  await using project = await littleBackedUp();
  await inFolder(async (folder) => {
    const { entries } = await project.reader.snapshot();
    const current = `holdfast/${entries.get("files/changed")!.key}`;
    await project.bucket.put(current, "damaged");
    const first = await recover(project, folder);
    assert.equal(first.code, 1, first.said);
    assert.match(first.said, /, 1 failed\n$/);
    assert.match(first.complained, /files\/changed\/.* could not be had, or is damaged/);
    await assert.rejects(Deno.stat(join(folder, "restored", "files", "changed")));
    await project.bucket.put(current, "new");
    const second = await recover(project, folder);
    assert.equal(second.code, 0, second.complained);
  });
});

Deno.test("an older snapshot is restored by its id, and an unknown id is reported", async () => {
  await using project = await littleBackedUp();
  await inFolder(async (folder) => {
    const [oldest] = await project.reader.snapshotIds();
    const { code, complained } = await recover(project, folder, oldest!);
    assert.equal(code, 0, complained);
    assert.equal(await Deno.readTextFile(join(folder, "restored", "files", "deleted")), "old");
    const none = await recover(project, folder, "20200101T000000Z-1");
    assert.equal(none.code, 1);
    assert.match(none.complained, /there is no such snapshot/);
  });
});
