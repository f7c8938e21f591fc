/** What of a restore's entries a worker may have put that fell, and what is a user's. */
import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";
import { RestoreWorker } from "./support/restore_worker.ts";

const NAMES = ["a", "b", "c"];

/** A backup of three files that are gone by now. */
async function given(project: SqlProject): Promise<Objects> {
  const objects = new Objects(project.owner);
  await objects.createBucket("files");
  for (const name of NAMES) await objects.upload("files", name, { text: name });
  await runBackup(project, new Repository());
  for (const name of NAMES) await objects.remove("files", name);
  return objects;
}

/** Puts a file as a restore does, or whoever has a service key. */
async function put({ owner }: SqlProject, objects: Objects, name: string): Promise<void> {
  await objects.upload("files", name, { text: name });
  await owner`update storage.objects set owner = null, owner_id = null where name = ${name}`;
}

async function givenBefore(sqlWorker: RestoreWorker): Promise<string[]> {
  return (await sqlWorker.page()).filter((entry) => entry.reassigned).map(({ name }) => name);
}

sqlTest(
  "what is made while a restore runs is its own only where a worker was given it",
  async (project) => {
    const objects = await given(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await put(project, objects, "a");
    const [first] = await sqlWorker.page();
    assert.deepEqual([first!.reassigned, first!.target.of_this_run], [false, false]);
    const [second] = await (await RestoreWorker.next(project)).page();
    assert.deepEqual([second!.reassigned, second!.target.of_this_run], [true, true]);
  },
);

sqlTest(
  "what a committed page did not begin is given as if for the first time",
  async (project) => {
    await given(project);
    const sqlWorker = await RestoreWorker.begin(project);
    assert.deepEqual(await givenBefore(sqlWorker), []);
    await sqlWorker.commitNothing("a");
    assert.deepEqual(await givenBefore(await RestoreWorker.next(project)), []);
  },
);

sqlTest(
  "what a fallen worker was given stays so, whatever another commits of it",
  async (project) => {
    await given(project);
    await (await RestoreWorker.begin(project)).page();
    const sqlWorker = await RestoreWorker.next(project);
    assert.deepEqual(await givenBefore(sqlWorker), NAMES);
    await sqlWorker.commitNothing("a");
    assert.deepEqual(await givenBefore(sqlWorker), ["b", "c"]);
  },
);

sqlTest(
  "a worker that gets its lost lease again may have put what it was given",
  async (project) => {
    await given(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.page();
    assert.deepEqual(await givenBefore(await RestoreWorker.next(project, sqlWorker.owner)), NAMES);
  },
);
