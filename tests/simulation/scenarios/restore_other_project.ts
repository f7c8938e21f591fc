import assert from "node:assert/strict";
import { createBucket, upload } from "../../support/objects.ts";
import { readRows } from "../../support/project_reader.ts";
import type { Snapshot } from "../../../stack/repository_reader.ts";
import { assertRestored, reportedByRestores } from "../checks/restored.ts";
import { assertInvariant } from "../invariants.ts";
import type { SimulatedProject } from "../environment/project.ts";
import type { Environment } from "../environment/environment.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/**
 * What the other project has already: an object of the snapshot with other bytes, and one of its
 * own.
 */
const EXISTING = ["one/folder/2", "one/own"];

/**
 * A restore into another project, which does not know the repository yet and has objects of its
 * own.
 */
export const restoreOtherProject: Scenario = {
  name: "restore_other_project",
  restores: true,
  flips: true,
  focus: {
    weight: 8,
    on: [
      "storage POST object",
      "storage POST bucket",
      "storage POST move",
      "storage DELETE bucket",
      "storage GET back",
    ],
  },
  async setUp(environment) {
    await incremental.setUp(environment);
    await (await environment.source).scheduler.succeed({ kind: "backup" });
    const { project } = await environment.participant("other");
    await createBucket(project, "one");
    await upload(project, "one", "folder/2", "of another project");
    await upload(project, "one", "own", "of another project");
  },
  async act(environment) {
    const { project, scheduler } = await environment.participant("other");
    const before = await rowsOf(project);
    await scheduler.succeed({ kind: "restore" });
    await assertInvariant(
      "target_kept",
      async () => assert.deepEqual(await rowsOf(project), before),
    );
  },
  async changeBetweenRounds(environment) {
    const { project } = await environment.participant("other");
    for (const [bucket, ...names] of [["two", "a b?c", "new"], ["one", "moved", "folder/0"]]) {
      await project.storage.from(bucket!).remove(names);
    }
    await project.storage.emptyBucket("three");
    await project.storage.deleteBucket("three");
  },
  async repeatAct(environment) {
    await (await environment.participant("other")).scheduler.succeed({ kind: "restore" });
  },
  check: (environment, snapshots) => checkOtherProject(environment, snapshots),
};

/** Compares the other project with the newest snapshot; see `assertRestored` for `metadataKept`. */
export async function checkOtherProject(
  environment: Environment,
  snapshots: readonly Snapshot[],
  metadataKept = 0,
): Promise<void> {
  const { project } = await environment.participant("other");
  // A failure that the restore reports is no violation. Everything else must be right.
  const reported = await reportedByRestores(project);
  const stale = environment.proxy.injected.some(({ fault }) => fault.faultName === "stale_list");
  const older = await pathsOfOlder({ project, snapshots, stale });
  const except = new Set([...EXISTING, ...reported, ...older]);
  await assertInvariant(
    "restores_exactly",
    () => assertRestored(project, snapshots.at(-1)!, except, metadataKept),
  );
}

/**
 * Paths that the newest snapshot does not list, of an older one that a restore took for the newest
 * because of a stale listing, which it reported. The objects of that restore stay.
 */
async function pathsOfOlder({ project, snapshots, stale }: {
  project: SimulatedProject;
  snapshots: readonly Snapshot[];
  stale: boolean;
}): Promise<string[]> {
  if (!stale) return [];
  const runs = await project.sql<{ snapshot: string }[]>`
    select result ->> 'snapshot' as snapshot from holdfast_private.runs where kind = 'restore'`;
  const restored = new Set(runs.map(({ snapshot }) => snapshot));
  return snapshots.filter(({ document }) => restored.has(document.id))
    .flatMap(({ entries }) => [...entries.keys()])
    .filter((objectPath) => !snapshots.at(-1)!.entries.has(objectPath));
}

/** The rows of the objects that the other project had already. */
export async function rowsOf({ sql }: SimulatedProject) {
  const rows = await readRows(sql);
  return EXISTING.map((objectPath) => rows.get(objectPath));
}
