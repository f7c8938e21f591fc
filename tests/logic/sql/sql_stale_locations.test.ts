import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { copied, failed } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

sqlTest(
  "an old name stays open while the new name has only its own previous bytes",
  async (project) => {
    const objects = new Objects(project.owner);
    const repository = new Repository();
    await objects.createBucket("one");
    for (const name of ["a", "d"]) await objects.upload("one", name, { text: name });
    const { snapshot: first } = await runBackup(project, repository);
    await objects.remove("one", "d");
    await objects.move("one", "a", "one", "d");
    await objects.upload("one", "d", { text: "overwritten as well" });

    const { snapshot } = await runBackup(project, repository, {
      act: (item) => item.name === "d" ? failed(item, "failed") : copied(item),
    });
    assert.ok(first && snapshot);
    const [before, after] = [repository.read(first), repository.read(snapshot)];
    assert.equal(after.get("one/a")?.key, before.get("one/a")?.key);

    const healed = await runBackup(project, repository);
    assert.deepEqual([...repository.read(healed.snapshot!).keys()], ["one/d"]);
  },
);
