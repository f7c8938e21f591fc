import assert from "node:assert/strict";
import { join } from "node:path";
import { createBucket, upload } from "../../support/objects.ts";
import { readObjects } from "../../support/project_reader.ts";
import { TestProject } from "../../support/project.ts";
import { digestsBelow, inFolder, recover, recoverWith } from "./support.ts";

/** A project with names that a file system may take for one, and some that it may not. */
async function alikeBackedUp(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["IMG.JPG", "img.jpg", "Folder/a", "folder/b", "FOLDER", "other"]) {
    await upload(project, "files", name, `bytes of ${name}`);
  }
  await project.backup();
  return project;
}

Deno.test("where a file system ignores case, names that differ in it alone are all kept", async () => {
  await using project = await alikeBackedUp();
  await inFolder(async (folder) => {
    const restored = join(folder, "restored");
    await Deno.mkdir(restored);
    // By which the script finds that it is one.
    await Deno.writeTextFile(join(restored, ".HOLDFAST-CASE"), "");
    const { code, said, complained } = await recover(project, folder);
    assert.deepEqual([code, complained], [0, ""], said);
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

Deno.test("where case matters, names keep it", async () => {
  await using project = await alikeBackedUp();
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

Deno.test("a file that another file replaced is reported as failed", async () => {
  await using project = await alikeBackedUp();
  await inFolder(async (folder) => {
    // Two of the files are one to it, as to a file system that ignores case.
    const tools = join(folder, "tools");
    await Deno.mkdir(tools);
    await Deno.writeTextFile(join(tools, "mv"), ONE_FILE_OF_TWO, { mode: 0o755 });
    const path = `${tools}:${Deno.env.get("PATH")}`;
    const { code, said, complained } = await recoverWith(project, folder, { PATH: path });
    assert.equal(code, 1, said);
    assert.match(said, /restored 5 of 6 objects, 0 .*, 1 failed\n$/);
    assert.match(complained, /files\/IMG\.JPG\/.* is not in the folder/i);
  });
});
