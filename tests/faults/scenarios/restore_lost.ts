import assert from "node:assert/strict";
import type { Snapshot } from "../../stack/repository_reader.ts";
import { assertRestored, toldByRestores } from "../checks/restored.ts";
import type { Way } from "../door/step.ts";
import { holds } from "../promises.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** Objects whose bytes are lost: overwritten, moved, edited, of no bytes, and with an odd name. */
const LOST = [["one", "folder/0"], ["two", "moved"], ["one", "folder/2"], ["two", "empty"], [
  "two",
  "a b?c",
]] as const;

/** Storage lost bytes and kept their rows, as where a database came back from its own backup. */
export const restoreLost: Scenario = {
  name: "restore_lost",
  restores: true,
  flips: true,
  storm: { weight: 1, on: ["storage POST object", "storage GET back"] },
  async given(scene) {
    await incremental.given(scene);
    const { project, clockwork } = await scene.source;
    await clockwork.succeed({ kind: "backup" });
    for (const [bucket, name] of LOST) await project.loseBytes(bucket, name);
  },
  async act(scene) {
    const { clockwork } = await scene.source;
    await clockwork.succeed({ kind: "restore" });
    await clockwork.succeed({ kind: "backup" });
  },
  again: (scene) => restoreLost.act(scene),
  async check(scene, snapshots) {
    const { project } = await scene.source;
    const [, given, ...since] = snapshots;
    const told = await toldByRestores(project);
    const { door, options } = scene;
    const met = (...ways: Way[]) => door.struck.some(({ fault }) => ways.includes(fault.way));
    const spoilt = door.wasUnwell || met("flip_byte");
    await holds("restores_exactly", () => {
      // Else it was told, and what is spoilt is the object's own from then on, and backed up as such.
      if (!spoilt) assert.deepEqual([...told], []);
      return assertRestored(project, given!, told);
    });
    // What was put back is known to the catalog; what came late is not. Processes find S3 at another
    // address than where the scene was made, and what no snapshot holds yet is forgotten then.
    if (spoilt || met("sleep_before", "sleep_after") || options.processes) return;
    await holds("no_work_lost", () => {
      const held = keysOf([given!]);
      assert.deepEqual([...keysOf(since)].filter((key) => !held.has(key)), []);
    });
  },
};

function keysOf(snapshots: readonly Snapshot[]): Set<string | undefined> {
  return new Set(
    snapshots.flatMap(({ entries }) => [...entries.values()].map(({ key }) => key)),
  );
}
