/** Compares objects that a crashed worker may have restored with objects that users created. */
import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";
import { RestoreWorker } from "./support/restore_worker.ts";

const NAMES = ["a", "b", "c"];

/** A backup of three files that were deleted since. */
async function createDeleted(project: SqlProject): Promise<Objects> {
  const objects = new Objects(project.owner);
  await objects.createBucket("files");
  for (const name of NAMES) await objects.upload("files", name, { text: name });
  await runBackup(project, new Repository());
  for (const name of NAMES) await objects.remove("files", name);
  return objects;
}

/** Puts a file as a restore does, or any client with a service key. */
async function put({ owner }: SqlProject, objects: Objects, name: string): Promise<void> {
  await objects.upload("files", name, { text: name });
  await owner`update storage.objects set owner = null, owner_id = null where name = ${name}`;
}

async function assignedBefore(sqlWorker: RestoreWorker): Promise<string[]> {
  return (await sqlWorker.page()).filter((entry) => entry.reassigned).map(({ name }) => name);
}

sqlTest(
  "an object created during a restore belongs to the restore only if a worker had its page",
  async (project) => {
    const objects = await createDeleted(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await put(project, objects, "a");
    const [first] = await sqlWorker.page();
    assert.deepEqual([first!.reassigned, first!.target.of_this_run], [false, false]);
    const [second] = await (await RestoreWorker.next(project)).page();
    assert.deepEqual([second!.reassigned, second!.target.of_this_run], [true, true]);
  },
);

sqlTest(
  "entries that a committed page did not begin are assigned as if for the first time",
  async (project) => {
    await createDeleted(project);
    const sqlWorker = await RestoreWorker.begin(project);
    assert.deepEqual(await assignedBefore(sqlWorker), []);
    await sqlWorker.commitNothing("a");
    assert.deepEqual(await assignedBefore(await RestoreWorker.next(project)), []);
  },
);

sqlTest(
  "entries assigned to a crashed worker stay marked after another worker's partial commit",
  async (project) => {
    await createDeleted(project);
    await (await RestoreWorker.begin(project)).page();
    const sqlWorker = await RestoreWorker.next(project);
    assert.deepEqual(await assignedBefore(sqlWorker), NAMES);
    await sqlWorker.commitNothing("a");
    assert.deepEqual(await assignedBefore(sqlWorker), ["b", "c"]);
  },
);

sqlTest(
  "a worker that regains its lost lease may have put its assigned entries",
  async (project) => {
    await createDeleted(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.page();
    assert.deepEqual(
      await assignedBefore(await RestoreWorker.next(project, sqlWorker.owner)),
      NAMES,
    );
  },
);
