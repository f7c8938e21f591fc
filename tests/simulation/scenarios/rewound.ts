import { InvariantViolation } from "../invariants.ts";
import type { FaultName } from "../proxy/step.ts";
import type { Environment } from "../environment/environment.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** The database is put back to the moment before a backup, wherever that backup has got to. */
export const rewound: Scenario = {
  name: "rewound",
  forgets: true,
  setUp: incremental.setUp,
  async act(environment) {
    const source = await environment.source;
    source.workers.start({ kind: "backup" });
    await source.workers.quiet();
    await environment.rewind("source");
    const { project, scheduler } = await environment.source;
    if ((await project.reader.snapshotIds()).length > 1) {
      await refused(environment);
      await scheduler.succeed({ kind: "import" });
    }
    await backUpInSpiteOfSleepers(environment);
  },
  repeatAct: backUpInSpiteOfSleepers,
};

/** Backups, in spite of what servers answer, until one is refused for what it lacks. */
async function refused(environment: Environment): Promise<void> {
  const { scheduler } = await environment.source;
  const { proxy } = environment;
  for (let attempt = 1;; attempt++) {
    const before = proxy.exchanges.length;
    const run = await scheduler.run({ kind: "backup" });
    // A listing that does not know the newest records yet lets it begin; it may not seal.
    const misled = proxy.injected.some(({ fault }) => MISLEADING.has(fault.faultName));
    const wrote = misled ? undefined : proxy.exchanges.slice(before)
      .find(({ party, method }) => party === "s3" && method !== "GET");
    if (run.code === "catalog_behind" && !wrote) return;
    const unwell = proxy.hadServerFault && run.state === "failed" && run.code !== null && !wrote;
    if (!unwell || attempt >= MAX_ATTEMPTS) {
      throw new InvariantViolation(
        "rewind_refused",
        `the backup ended ${run.state} ${run.code} and sent ${wrote?.method} ${wrote?.path}`,
      );
    }
    if (attempt === MAX_ATTEMPTS - 1) proxy.recover();
  }
}

/** Faults of a listing that take records out of it. */
const MISLEADING: ReadonlySet<FaultName> = new Set(["stale_list", "flipped_answer"]);
/** So often a run is tried in bad weather; it clears up before the last one. */
const MAX_ATTEMPTS = 5;
/** Names of snapshots tell seconds: a backup in the very second of the forgotten one meets its name. */
const NEXT_SECOND_MS = 1000;

/**
 * A lane that slept through the rewinding may wake and seal what the database has forgotten: then
 * the backup is refused, and succeeds once the log was imported.
 */
export async function backUpInSpiteOfSleepers(environment: Environment): Promise<void> {
  const { scheduler } = await environment.source;
  for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
    const run = await scheduler.run({ kind: "backup" });
    if (run.state === "succeeded") return;
    if (run.code === "catalog_behind") {
      await new Promise((resolve) => setTimeout(resolve, NEXT_SECOND_MS));
      await scheduler.succeed({ kind: "import" });
    }
    if (!environment.proxy.randomFaults) break;
  }
  await scheduler.succeed({ kind: "backup" });
}
