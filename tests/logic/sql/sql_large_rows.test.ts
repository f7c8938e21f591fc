import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const MIB = 1024 * 1024;

sqlTest(
  "a part of a listing fits a slice's memory with rows of any size",
  async (project) => {
    const objects = new Objects(project.owner);
    const repository = new Repository();
    await objects.createBucket("one");
    // The last row exceeds the maximum part size and has a part to itself.
    for (const [index, mebibytes] of [6, 6, 6, 20].entries()) {
      const userMetadata = { filler: "x".repeat(mebibytes * MIB) };
      await objects.upload("one", `object ${index}`, { userMetadata });
    }
    const { snapshot } = await runBackup(project, repository);
    assert.ok(snapshot);
    assert.deepEqual(snapshot.parts.map((part) => part.entries), [2, 1, 1]);
    assert.equal(repository.read(snapshot).size, 4);
  },
);
