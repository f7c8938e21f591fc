import assert from "node:assert/strict";
import type { Snapshot } from "../../../stack/repository_reader.ts";
import { assertRestored, reportedByRestores } from "../checks/restored.ts";
import type { FaultName } from "../proxy/step.ts";
import { assertInvariant } from "../invariants.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/**
 * The objects whose bytes are lost: overwritten, moved, edited, empty, and with an unusual name.
 */
const LOST = [["one", "folder/0"], ["two", "moved"], ["one", "folder/2"], ["two", "empty"], [
  "two",
  "a b?c",
]] as const;

/** Storage lost bytes and kept their rows, as after a restore of the database alone. */
export const restoreLostBytes: Scenario = {
  name: "restore_lost_bytes",
  restores: true,
  flips: true,
  focus: { weight: 1, on: ["storage POST object", "storage GET back"] },
  async setUp(environment) {
    await incremental.setUp(environment);
    const { project, scheduler } = await environment.source;
    await scheduler.succeed({ kind: "backup" });
    for (const [bucket, name] of LOST) await project.loseBytes(bucket, name);
  },
  async act(environment) {
    const { scheduler } = await environment.source;
    await scheduler.succeed({ kind: "restore" });
    await scheduler.succeed({ kind: "backup" });
  },
  repeatAct: (environment) => restoreLostBytes.act(environment),
  async check(environment, snapshots) {
    const { project } = await environment.source;
    const [, initial, ...since] = snapshots;
    const reported = await reportedByRestores(project);
    const { proxy, options } = environment;
    const met = (...faultNames: FaultName[]) =>
      proxy.injected.some(({ fault }) => faultNames.includes(fault.faultName));
    const corrupted = proxy.hadServerFault || met("flip_byte");
    await assertInvariant("restores_exactly", () => {
      // A corrupted object was reported; its bytes are backed up like any others.
      if (!corrupted) assert.deepEqual([...reported], []);
      return assertRestored(project, initial!, reported);
    });
    // The catalog knows the restored bytes, except those of a delayed write. Processes reach S3 at
    // another
    // address than the saved state, so that the catalog drops what no snapshot holds yet.
    if (corrupted || met("sleep_before", "sleep_after") || options.processes) return;
    await assertInvariant("no_work_lost", () => {
      const held = keysOf([initial!]);
      assert.deepEqual([...keysOf(since)].filter((key) => !held.has(key)), []);
    });
  },
};

function keysOf(snapshots: readonly Snapshot[]): Set<string | undefined> {
  return new Set(
    snapshots.flatMap(({ entries }) => [...entries.values()].map(({ key }) => key)),
  );
}
