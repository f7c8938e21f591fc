/** What of a restore's entries a lane may have put that fell, and what is a user's. */
import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";
import { RestoreLane } from "./support/restore_lane.ts";

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

async function givenBefore(lane: RestoreLane): Promise<string[]> {
  return (await lane.page()).filter((entry) => entry.given_before).map(({ name }) => name);
}

sqlTest(
  "what is made while a restore runs is its own only where a lane was given it",
  async (project) => {
    const objects = await given(project);
    const lane = await RestoreLane.begin(project);
    await put(project, objects, "a");
    const [first] = await lane.page();
    assert.deepEqual([first!.given_before, first!.target.of_this_run], [false, false]);
    const [second] = await (await RestoreLane.next(project)).page();
    assert.deepEqual([second!.given_before, second!.target.of_this_run], [true, true]);
  },
);

sqlTest(
  "what a committed page did not begin is given as if for the first time",
  async (project) => {
    await given(project);
    const lane = await RestoreLane.begin(project);
    assert.deepEqual(await givenBefore(lane), []);
    await lane.commitNothing("a");
    assert.deepEqual(await givenBefore(await RestoreLane.next(project)), []);
  },
);

sqlTest(
  "what a fallen lane was given stays so, whatever another commits of it",
  async (project) => {
    await given(project);
    await (await RestoreLane.begin(project)).page();
    const lane = await RestoreLane.next(project);
    assert.deepEqual(await givenBefore(lane), NAMES);
    await lane.commitNothing("a");
    assert.deepEqual(await givenBefore(lane), ["b", "c"]);
  },
);

sqlTest("a lane that gets its lost lease again may have put what it was given", async (project) => {
  await given(project);
  const lane = await RestoreLane.begin(project);
  await lane.page();
  assert.deepEqual(await givenBefore(await RestoreLane.next(project, lane.owner)), NAMES);
});
