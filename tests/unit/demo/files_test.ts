import assert from "node:assert/strict";
import { join } from "node:path";
import { chooseObjects } from "../../../demo/choose_objects.ts";
import { DemoError } from "../../../demo/errors.ts";
import { readFolderFiles } from "../../../demo/user_files.ts";
import { CHECKOUT, readOwnFiles } from "../../../demo/own_files.ts";

/** Runs a test in a folder with these files. */
async function withFolder(
  files: Record<string, string>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "holdfast-test-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(join(folder, name, ".."), { recursive: true });
      await Deno.writeTextFile(join(folder, name), text);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Asserts a refusal of --files. */
async function assertRefused(folder: string, code: string, words: RegExp): Promise<void> {
  await assert.rejects(readFolderFiles(folder), (error) => {
    assert.ok(error instanceof DemoError);
    assert.equal(error.code, code);
    assert.equal(error.exitStatus, 2);
    assert.match(error.message, words);
    return true;
  });
}

Deno.test("a folder's files are found at any depth, with hidden ones, in a fixed order", () =>
  withFolder(
    { "b/c.txt": "c", "a.txt": "a", "b/.hidden": "", "b/d/e.txt": "ee" },
    async (folder) => {
      const { files } = await readFolderFiles(folder);
      assert.deepEqual(files.map(({ name, size }) => [name, size]), [
        ["a.txt", 1],
        ["b/.hidden", 0],
        ["b/c.txt", 1],
        ["b/d/e.txt", 2],
      ]);
    },
  ));

Deno.test("links are skipped and counted, so that none causes a cycle", () =>
  withFolder({ "a.txt": "a" }, async (folder) => {
    await Deno.symlink(folder, join(folder, "loop"));
    const { files, special } = await readFolderFiles(folder);
    assert.equal(files.length, 1);
    assert.equal(special, 1);
  }));

Deno.test("a missing path, a path that is not a folder and an empty folder are refused and named", () =>
  withFolder({ "file": "x", "empty/x": "" }, async (folder) => {
    await Deno.remove(join(folder, "empty/x"));
    await assertRefused(join(folder, "missing"), "files_missing", /there is no folder .*missing/);
    await assertRefused(join(folder, "file"), "files_not_a_folder", /file is not a folder/);
    await assertRefused(join(folder, "file/x"), "files_not_a_folder", /is not a folder/);
    await assertRefused(join(folder, "empty"), "files_empty", /empty has no file/);
    await Deno.symlink(folder, join(folder, "empty/link"));
    await assertRefused(join(folder, "empty"), "files_empty", /only 1 that are links or no files/);
  }));

// Root can read every file, so the test is skipped for root.
if (Deno.uid() !== 0) {
  Deno.test("an unreadable folder is refused, and an unreadable file is skipped", () =>
    withFolder({ "a.txt": "a", "shut.txt": "b", "shut/c.txt": "c" }, async (folder) => {
      await Deno.chmod(join(folder, "shut.txt"), 0);
      await Deno.chmod(join(folder, "shut"), 0);
      assert.equal((await readFolderFiles(folder)).unreadable, 2);
      await assertRefused(join(folder, "shut"), "files_unreadable", /may not be read/);
      await Deno.chmod(join(folder, "shut"), 0o700);
    }));
}

Deno.test("files go to the bucket that accepts them, and the remarks name renamed files", () =>
  withFolder({ "a.json": "{}", "b.png": "png", "smörgås.txt": "s", "#1": "?" }, async (folder) => {
    const { objects, remarks } = await chooseObjects(folder);
    const at = (name: string) => objects.find((object) => object.name === name);
    assert.equal(at("a.json")?.bucket, "private-docs");
    assert.equal(at("b.png")?.bucket, "site");
    assert.equal(at("b.png")?.type, "image/png");
    assert.equal(at("sm_rg_s.txt")?.size, 1);
    assert.ok(at("_1"));
    assert.match(remarks[0]!, /^4 files below /);
    assert.deepEqual(remarks.slice(1), ["2 files renamed: Storage refuses some characters"]);
  }));

Deno.test("a checkout has 500 files of many kinds for the demo", async () => {
  const files = await readOwnFiles(CHECKOUT);
  assert.ok(files.length >= 500, `${files.length}`);
  const endings = new Set(files.map(({ name }) => name.slice(name.lastIndexOf("."))));
  for (const ending of [".html", ".json", ".md", ".js", ".ts", ".png"]) {
    assert.ok(endings.has(ending), ending);
  }
  assert.ok(files.some(({ name }) => name.split("/").length >= 5));
  assert.deepEqual(files, await readOwnFiles(CHECKOUT));
});
