import assert from "node:assert/strict";
import { join } from "node:path";
import { bytesOf, createBucket, upload } from "../../support/objects.ts";
import { readObjects } from "../../support/project_reader.ts";
import { TestProject } from "../../support/project.ts";
import { digestOf } from "../../../stack/repository_reader.ts";

const MIB = 1024 * 1024;
/** Names that no file system accepts, and names that conflict as a file and a folder. */
const ODD_NAMES = ["a", "a/b", "c//d", "e/", " f ", "g'h\"$(i)`j`", "*?[k]", "-rf", "l".repeat(300)]
  .filter((name) => /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]*$/.test(name));

/** A project with unusual, large, overwritten, deleted and missing objects, backed up twice. */
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

/** A small project. One object was changed and one deleted since the first backup. */
async function createSmallBackup(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["changed", "deleted"]) await upload(project, "files", name, "old");
  await project.backup();
  await upload(project, "files", "changed", "new");
  await project.storage.from("files").remove(["deleted"]);
  await project.backup();
  return project;
}

/** Fetches the script from the bucket and runs it as its guide describes. */
async function recover(project: TestProject, folder: string, ...words: string[]) {
  return await recoverWith(project, folder, {}, ...words);
}

/** Runs the script with additional environment variables. */
async function recoverWith(
  project: TestProject,
  folder: string,
  env: Record<string, string>,
  ...words: string[]
) {
  const script = join(folder, "recover-v1.sh");
  await Deno.writeFile(script, (await project.bucket.get("holdfast/recover-v1.sh"))!);
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: [script, join(folder, "restored"), ...words],
    env: {
      AWS_ACCESS_KEY_ID: project.repository.accessKeyId,
      AWS_SECRET_ACCESS_KEY: project.repository.secretAccessKey,
      ...env,
    },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** SHA-256 of every file below a folder, sorted. */
async function digestsBelow(folder: string): Promise<string[]> {
  const digests: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) digests.push(...await digestsBelow(path));
    else if (name !== "holdfast-entries.ndjson") digests.push(digestOf(await Deno.readFile(path)));
  }
  return digests.sort();
}

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "holdfast-recovery-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the script in the bucket restores the newest snapshot into a folder and verifies it", async () => {
  await using project = await backedUp();
  await inFolder(async (folder) => {
    const { code, stdout, stderr } = await recover(project, folder);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    const count = ODD_NAMES.length + 4;
    assert.match(stdout, new RegExp(`restored ${count} of ${count} objects, 0 .*, 0 failed\n$`));

    const restored = join(folder, "restored");
    const objects = await readObjects(project);
    const expected = [...objects].map(([location, { sha256 }]) =>
      location === "files/lost" ? digestOf(new TextEncoder().encode("old")) : sha256
    );
    assert.deepEqual(await digestsBelow(restored), expected.sort());
    assert.equal(await Deno.readTextFile(join(restored, "files", "changed")), "new");
    // If a file and a folder have the same name, the folder keeps it.
    assert.equal(await Deno.readTextFile(join(restored, "files", "a", "b")), "bytes of a/b");
    const lines = (await Deno.readTextFile(join(restored, "holdfast-entries.ndjson"))).split("\n");
    const changed = lines.map((line) => JSON.parse(line || "{}"))
      .find(({ name }) => name === "changed");
    assert.deepEqual(changed.user_metadata, { n: 1 });
  });
});

Deno.test("a damaged object is reported and removed, and a second run fetches missing objects", async () => {
  await using project = await createSmallBackup();
  await inFolder(async (folder) => {
    const { entries } = await project.reader.snapshot();
    const current = `holdfast/${entries.get("files/changed")!.key}`;
    await project.bucket.put(current, "damaged");
    const first = await recover(project, folder);
    assert.equal(first.code, 1, first.stdout);
    assert.match(first.stdout, /, 1 failed\n$/);
    assert.match(first.stderr, /files\/changed\/.* could not be had, or is damaged/);
    await assert.rejects(Deno.stat(join(folder, "restored", "files", "changed")));
    await project.bucket.put(current, "new");
    const second = await recover(project, folder);
    assert.equal(second.code, 0, second.stderr);
  });
});

/** A project with names that some file systems treat as equal, and names that some refuse. */
async function createSimilarNames(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["IMG.JPG", "img.jpg", "Folder/a", "folder/b", "FOLDER", "other"]) {
    await upload(project, "files", name, `bytes of ${name}`);
  }
  await project.backup();
  return project;
}

Deno.test("on a file system that ignores case, objects whose names differ in case are all kept", async () => {
  await using project = await createSimilarNames();
  await inFolder(async (folder) => {
    const restored = join(folder, "restored");
    await Deno.mkdir(restored);
    // The script uses this to detect the file system.
    await Deno.writeTextFile(join(restored, ".HOLDFAST-CASE"), "");
    const { code, stdout, stderr } = await recover(project, folder);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    await Deno.remove(join(restored, ".HOLDFAST-CASE"));
    const other = [...Deno.readDirSync(join(restored, "holdfast-other-names"))];
    assert.equal(other.length, 3, "IMG.JPG, img.jpg and FOLDER");
    for (const name of ["Folder/a", "folder/b", "other"]) {
      const text = await Deno.readTextFile(join(restored, "files", ...name.split("/")));
      assert.equal(text, `bytes of ${name}`);
    }
    const objects = await readObjects(project);
    const expected = [...objects.values()].map(({ sha256 }) => sha256).sort();
    assert.deepEqual(await digestsBelow(restored), expected);
  });
});

Deno.test("on a case-sensitive file system, names keep their case", async () => {
  await using project = await createSimilarNames();
  await inFolder(async (folder) => {
    assert.equal((await recover(project, folder)).code, 0);
    for (const name of (await readObjects(project)).keys()) {
      const text = await Deno.readTextFile(join(folder, "restored", ...name.split("/")));
      assert.equal(text, `bytes of ${name.slice("files/".length)}`);
    }
  });
});

const ONE_FILE_OF_TWO = `#!/bin/sh
/bin/mv "$@" || exit
folder=$(dirname "$2")
for each in IMG.JPG img.jpg; do
  case $2 in */IMG.JPG | */img.jpg) [ ! -e "$folder/$each" ] || [ "$2" -ef "$folder/$each" ] || cp "$2" "$folder/$each" ;; esac
done
exit 0
`;

Deno.test("a file that another file replaces is not reported as restored", async () => {
  await using project = await createSimilarNames();
  await inFolder(async (folder) => {
    // This makes two of the files one, as a file system that ignores case does.
    const tools = join(folder, "tools");
    await Deno.mkdir(tools);
    await Deno.writeTextFile(join(tools, "mv"), ONE_FILE_OF_TWO, { mode: 0o755 });
    const path = `${tools}:${Deno.env.get("PATH")}`;
    const { code, stdout, stderr } = await recoverWith(project, folder, { PATH: path });
    assert.equal(code, 1, stdout);
    assert.match(stdout, /restored 5 of 6 objects, 0 .*, 1 failed\n$/);
    assert.match(stderr, /files\/IMG\.JPG\/.* is not in the folder/i);
  });
});

Deno.test("an older snapshot is restored by its id, and an unknown id is reported", async () => {
  await using project = await createSmallBackup();
  await inFolder(async (folder) => {
    const [oldest] = await project.reader.snapshotIds();
    const { code, stderr } = await recover(project, folder, oldest!);
    assert.equal(code, 0, stderr);
    assert.equal(await Deno.readTextFile(join(folder, "restored", "files", "deleted")), "old");
    const none = await recover(project, folder, "20200101T000000Z-1");
    assert.equal(none.code, 1);
    assert.match(none.stderr, /there is no such snapshot/);
  });
});
