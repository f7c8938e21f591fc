import { InvariantViolation } from "../invariants.ts";
import type { FaultName } from "../proxy/step.ts";
import type { Environment } from "../environment/environment.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** The database is restored to the moment before a backup, at any step of that backup. */
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
    await backUpDespiteDelays(environment);
  },
  repeatAct: backUpDespiteDelays,
};

/**
 * Runs backups, despite servers' faults, until one is refused because the catalog lacks records.
 */
async function refused(environment: Environment): Promise<void> {
  const { scheduler } = await environment.source;
  const { proxy } = environment;
  for (let attempt = 1;; attempt++) {
    const before = proxy.exchanges.length;
    const run = await scheduler.run({ kind: "backup" });
    // A stale listing without the newest records lets it begin, but not seal.
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

/** Faults that remove records from a listing. */
const MISLEADING: ReadonlySet<FaultName> = new Set(["stale_list", "flipped_answer"]);
/** The most attempts of a run; before the last one the servers recover. */
const MAX_ATTEMPTS = 5;
/**
 * A snapshot's name contains seconds: a backup in the same second would get the name of the lost
 * one.
 */
const NEXT_SECOND_MS = 1000;

/**
 * A worker that was delayed during the rewinding may resume and seal a snapshot that the database does not
 * know. The backup is then refused, and succeeds after an import.
 */
export async function backUpDespiteDelays(environment: Environment): Promise<void> {
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
