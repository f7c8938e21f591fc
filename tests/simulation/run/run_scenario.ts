import { assertHolds } from "../../support/assert_snapshot.ts";
import { assertCatalog } from "../checks/catalog.ts";
import { assertNoRowPassed, readHeld } from "../checks/progress.ts";
import {
  assertAssumedMarked,
  assertKept,
  assertWrittenOnce,
  fingerprint,
  readSnapshots,
} from "../checks/repository.ts";
import { assertRestored } from "../checks/restored.ts";
import { assertNoSecrets } from "../checks/secrets.ts";
import { REDIRECT_TARGET } from "../proxy/clients.ts";
import type { Fault, FaultName, Step } from "../proxy/step.ts";
import { assertInvariant, InvariantViolation } from "../invariants.ts";
import {
  Environment,
  type EnvironmentOptions,
  type Restart,
  RESTORE_TARGET,
} from "../environment/environment.ts";
import type { Servers } from "../environment/servers.ts";
import { act } from "./act.ts";
import { captureLog } from "./log.ts";
import type { Prepared } from "./prepare.ts";
import type { WantedPairs } from "./wanted_pairs.ts";

/** The faults of one run of a scenario, and the options of its environment. */
export interface RunPlan {
  readonly faults: readonly Fault[];
  readonly options: EnvironmentOptions;
  /** Whether the newest snapshot is also restored into a new project at the end. */
  readonly restore: boolean;
  /** The seed of random faults; absent for none. */
  readonly randomFaults?: number;
  /** What these are steered to; by default they go by the scenario's focus. */
  readonly wanted?: WantedPairs;
  readonly restarts?: readonly Restart[];
}

/** The result of one run. */
export interface ScenarioResult {
  /** Every step, without those of the checks. */
  readonly steps: readonly Step[];
  /** The injected faults. */
  readonly injected: readonly { readonly step: Step; readonly faultName: FaultName }[];
  readonly broken?: InvariantViolation;
  /** What the workers logged. */
  readonly log: readonly string[];
}

/** Runs a scenario once under its faults and checks every invariant. */
export function runScenario(
  servers: Servers,
  prepared: Prepared,
  point: RunPlan,
): Promise<ScenarioResult> {
  return captureLog(async (log) => {
    await using environment = await Environment.open(servers, point.options, prepared.state);
    let steps: readonly Step[] = environment.proxy.steps;
    let broken: InvariantViolation | undefined;
    try {
      const heldAtCrash = watchCrashes(environment);
      const { scenario } = prepared;
      const endRound = async () => {
        if (scenario.restores || scenario.forgets) return;
        await assertNothingAgain(
          environment,
          heldAtCrash.splice(0),
          environment.proxy.steps.length,
        );
      };
      await assertInvariant(
        "makes_progress",
        () => withTimeout(act(environment, scenario, point, endRound)),
      );
      steps = [...environment.proxy.steps];
      await endRound();
      await check(environment, prepared, point, log);
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      broken = error;
    }
    const injected = environment.proxy.injected.map(({ step, fault }) => ({
      step,
      faultName: fault.faultName,
    }));
    return { steps: [...steps], injected, log: [...log], broken: environment.broken[0] ?? broken };
  });
}

/** The longest duration of a run: a hundred times what it takes on an idle machine. */
const TIMEOUT_MS = 120_000;

async function withTimeout(act: Promise<void>): Promise<void> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not done in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  try {
    await Promise.race([act, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** What was committed when a worker crashed, and at which step. */
interface Held {
  readonly step: number;
  readonly objectPaths: ReadonlySet<string>;
}

/**
 * Checks the committed rows whenever a worker crashes or is delayed, and each snapshot once it is
 * sealed.
 */
function watchCrashes(environment: Environment): Held[] {
  const held: Held[] = [];
  const look = async (check: () => Promise<unknown>) => {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      environment.broken.push(error);
    }
  };
  environment.proxy.afterWorkerFault = async ({ number }) => {
    const { project } = await environment.source;
    await look(() => assertNoRowPassed(project));
    await look(() => readSnapshots(project.reader));
    held.push({ step: number, objectPaths: await readHeld(project) });
  };
  environment.proxy.after = async ({ action }) => {
    if (!LOG_RECORD.test(action)) return;
    const { project } = await environment.source;
    await look(() => readSnapshots(project.reader));
  };
  return held;
}

/** The request that seals a snapshot. */
const LOG_RECORD = /^PUT .*\/log\/\d+\.json$/;

/** Asserts that no backup fetches again what was committed when a worker crashed. */
async function assertNothingAgain(
  environment: Environment,
  crashes: readonly Held[],
  lastStep: number,
): Promise<void> {
  const { project } = await environment.source;
  for (const { step, objectPaths } of crashes) {
    const repeated = environment.proxy.exchanges.find((exchange) =>
      exchange.party === "storage" && exchange.method === "GET" && exchange.step > step &&
      exchange.step <= lastStep && exchange.origin === project.url &&
      // A backup probes Storage with one byte of an object that it has.
      exchange.range !== "bytes=0-0" &&
      [...objectPaths].some((objectPath) => exchange.path.endsWith(`/authenticated/${objectPath}`))
    );
    if (repeated) {
      throw new InvariantViolation("no_work_lost", `${repeated.path} was fetched again`);
    }
  }
}

async function check(
  environment: Environment,
  { scenario, before }: Prepared,
  point: RunPlan,
  log: readonly string[],
): Promise<void> {
  const { project } = await environment.participant(scenario.subject ?? "source");
  const { exchanges } = environment.proxy;
  const redirected = exchanges.find(({ origin }) => origin === REDIRECT_TARGET);
  if (redirected) {
    throw new InvariantViolation(
      "no_secret",
      `${redirected.method} ${redirected.path} followed a redirect`,
    );
  }
  if (environment.clock.endless > 0) {
    throw new InvariantViolation("makes_progress", "a wait has no end");
  }
  assertKept(before, await fingerprint(project.reader));
  assertWrittenOnce(exchanges, point.options.conditionalWrites === "all");
  const snapshots = await readSnapshots(project.reader);
  const newest = snapshots.at(-1);
  if (!scenario.restores) assertAssumedMarked(snapshots);
  if (scenario.backsUp !== false) {
    await assertInvariant("snapshot_accurate", () => {
      if (!newest) throw new Error("there is no snapshot");
      return assertHolds(project, newest);
    });
  }
  if (!scenario.restores) {
    const write = exchanges.find(({ party, method }) => party === "storage" && method !== "GET");
    if (write) throw new InvariantViolation("source_untouched", `${write.method} ${write.path}`);
  }
  await assertInvariant("catalog_accurate", () => assertCatalog(project, snapshots));
  await scenario.check?.(environment, snapshots);
  await assertNoSecrets(environment.servers, project, log);
  if (point.restore && newest) {
    await assertInvariant("restores_exactly", async () => {
      const fresh = await environment.participant(RESTORE_TARGET);
      await fresh.scheduler.succeed({ kind: "restore", snapshot: newest.document.id });
      await assertRestored(fresh.project, newest);
    });
  }
}
