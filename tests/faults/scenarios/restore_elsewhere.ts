import assert from "node:assert/strict";
import { createBucket, upload } from "../../support/objects.ts";
import { readRows } from "../../support/project_reader.ts";
import type { Snapshot } from "../../stack/repository_reader.ts";
import { assertRestored, toldByRestores } from "../checks/restored.ts";
import { holds } from "../promises.ts";
import type { FaultsProject } from "../world/project.ts";
import type { Scene } from "../world/scene.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** What the other project has already: a name of the snapshot with other bytes, and one of its own. */
const THERE = ["one/folder/2", "one/own"];

/** Into another project, which knows nothing of the repository yet, and has something of its own. */
export const restoreElsewhere: Scenario = {
  name: "restore_elsewhere",
  restores: true,
  flips: true,
  storm: {
    weight: 8,
    on: [
      "storage POST object",
      "storage POST bucket",
      "storage POST move",
      "storage DELETE bucket",
      "storage GET back",
    ],
  },
  async given(scene) {
    await incremental.given(scene);
    await (await scene.source).clockwork.succeed({ kind: "backup" });
    const { project } = await scene.actor("other");
    await createBucket(project, "one");
    await upload(project, "one", "folder/2", "of another project");
    await upload(project, "one", "own", "of another project");
  },
  async act(scene) {
    const { project, clockwork } = await scene.actor("other");
    const before = await rowsOf(project);
    await clockwork.succeed({ kind: "restore" });
    await holds("target_kept", async () => assert.deepEqual(await rowsOf(project), before));
  },
  async stir(scene) {
    const { project } = await scene.actor("other");
    for (const [bucket, ...names] of [["two", "a b?c", "new"], ["one", "moved", "folder/0"]]) {
      await project.storage.from(bucket!).remove(names);
    }
    await project.storage.emptyBucket("three");
    await project.storage.deleteBucket("three");
  },
  async again(scene) {
    await (await scene.actor("other")).clockwork.succeed({ kind: "restore" });
  },
  check: (scene, snapshots) => checkElsewhere(scene, snapshots),
};

/** Holds the other project to the newest snapshot; see `assertRestored` for `metadataKept`. */
export async function checkElsewhere(
  scene: Scene,
  snapshots: readonly Snapshot[],
  metadataKept = 0,
): Promise<void> {
  const { project } = await scene.actor("other");
  // What went wrong and was told is no broken promise; what is not told must be right.
  const told = await toldByRestores(project);
  const stale = scene.door.struck.some(({ fault }) => fault.way === "stale_list");
  const older = await placesOfOlder({ project, snapshots, stale });
  const except = new Set([...THERE, ...told, ...older]);
  await holds(
    "restores_exactly",
    () => assertRestored(project, snapshots.at(-1)!, except, metadataKept),
  );
}

/**
 * Places that the newest snapshot does not list, of one before it that a restore took for the
 * newest, because a listing had not shown it, and said so. What that restore put stays.
 */
async function placesOfOlder({ project, snapshots, stale }: {
  project: FaultsProject;
  snapshots: readonly Snapshot[];
  stale: boolean;
}): Promise<string[]> {
  if (!stale) return [];
  const runs = await project.sql<{ snapshot: string }[]>`
    select result ->> 'snapshot' as snapshot from holdfast.runs where kind = 'restore'`;
  const restored = new Set(runs.map(({ snapshot }) => snapshot));
  return snapshots.filter(({ document }) => restored.has(document.id))
    .flatMap(({ entries }) => [...entries.keys()])
    .filter((place) => !snapshots.at(-1)!.entries.has(place));
}

/** The rows of what the other project had already. */
export async function rowsOf({ sql }: FaultsProject) {
  const rows = await readRows(sql);
  return THERE.map((place) => rows.get(place));
}
