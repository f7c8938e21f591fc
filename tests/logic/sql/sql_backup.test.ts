import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

sqlTest("a first backup lists every object, and a second one only the changes", async (project) => {
  const objects = new Objects(project.owner);
  const repository = new Repository();
  await objects.createBucket("photos");
  await objects.createBucket("papers");
  for (const name of ["a", "b", "B", "é", "z/1", "z/2"]) {
    await objects.upload("photos", name, { text: name });
  }
  await objects.upload("papers", "one", { text: "1", userMetadata: { kind: "first" } });

  const first = await runBackup(project, repository);
  assert.equal(first.snapshot?.state, "complete");
  assert.equal(first.snapshot.totals.objects, 7);
  const held = repository.read(first.snapshot);
  assert.deepEqual([...held.keys()], [
    "papers/one",
    "photos/B",
    "photos/a",
    "photos/b",
    "photos/z/1",
    "photos/z/2",
    "photos/é",
  ]);

  const second = await runBackup(project, repository);
  assert.deepEqual(second.scanned, []);
  assert.deepEqual(second.snapshot?.parts, first.snapshot.parts);

  await objects.upload("photos", "a", { text: "other" });
  await objects.move("photos", "b", "papers", "moved");
  await objects.move("photos", "z/1", "photos", "Z/1");
  await objects.remove("photos", "é");
  await objects.setUserMetadata("papers", "one", { kind: "second" });
  const third = await runBackup(project, repository);
  assert.deepEqual(third.scanned, ["papers/moved", "papers/one", "photos/Z/1", "photos/a"]);
  assert.deepEqual(third.missing, []);
  assert.ok(third.snapshot);
  const now = repository.read(third.snapshot);
  assert.deepEqual([...now.keys()].sort(), [
    "papers/moved",
    "papers/one",
    "photos/B",
    "photos/Z/1",
    "photos/a",
    "photos/z/2",
  ]);
  assert.equal(now.get("papers/moved")?.key, held.get("photos/b")?.key);
  assert.equal(now.get("papers/moved")?.assumed, true);
  assert.equal(now.get("papers/one")?.key, held.get("papers/one")?.key);
  assert.equal(now.get("papers/one")?.assumed, undefined);
  assert.deepEqual(now.get("papers/one")?.user_metadata, { kind: "second" });
  assert.notEqual(now.get("photos/a")?.key, held.get("photos/a")?.key);
});
