import { assertHolds } from "../../e2e/support/assert_snapshot.ts";
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
import { takingLog } from "./log.ts";
import type { Prepared } from "./prepare.ts";

/** What goes wrong in one telling of a scenario, and how it is set up. */
export interface RunPlan {
  readonly faults: readonly Fault[];
  readonly options: EnvironmentOptions;
  /** Whether the newest snapshot is also restored from the bucket alone, into a new project. */
  readonly restore: boolean;
  /** From which seed bad weather follows; none where absent. */
  readonly randomFaults?: number;
  readonly restarts?: readonly Restart[];
}

/** How a telling went. */
export interface ScenarioResult {
  /** Every step of it, those of the checks left out. */
  readonly steps: readonly Step[];
  /** Where something went wrong. */
  readonly injected: readonly { readonly step: Step; readonly faultName: FaultName }[];
  readonly broken?: InvariantViolation;
  /** What the lanes wrote to their log. */
  readonly log: readonly string[];
}

/** Tells a scenario once, with what is to go wrong, and holds what came of it to every promise. */
export function runScenario(
  servers: Servers,
  prepared: Prepared,
  point: RunPlan,
): Promise<ScenarioResult> {
  return takingLog(async (log) => {
    await using environment = await Environment.open(servers, point.options, prepared.state);
    let steps: readonly Step[] = environment.proxy.steps;
    let broken: InvariantViolation | undefined;
    try {
      const heldAtDeath = watchDeaths(environment);
      const { scenario } = prepared;
      const endRound = async () => {
        if (scenario.restores || scenario.forgets) return;
        await assertNothingAgain(
          environment,
          heldAtDeath.splice(0),
          environment.proxy.steps.length,
        );
      };
      await assertInvariant(
        "makes_progress",
        () => withinPatience(act(environment, scenario, point, endRound)),
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

/** So long may a telling take: a hundred times what it takes on an idle machine. */
const PATIENCE_MS = 120_000;

async function withinPatience(act: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not done in ${PATIENCE_MS} ms`)), PATIENCE_MS);
  try {
    await Promise.race([act, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What was held when a lane died, and at which step. */
interface Held {
  readonly step: number;
  readonly objectPaths: ReadonlySet<string>;
}

/** Looks at what is committed whenever a lane falls, and at each snapshot as soon as it counts. */
function watchDeaths(environment: Environment): Held[] {
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

/** What makes a snapshot count. */
const LOG_RECORD = /^PUT .*\/log\/\d+\.json$/;

/** What was committed when a lane died is not fetched again for a backup. */
async function assertNothingAgain(
  environment: Environment,
  deaths: readonly Held[],
  lastStep: number,
): Promise<void> {
  const { project } = await environment.source;
  for (const { step, objectPaths } of deaths) {
    const repeated = environment.proxy.exchanges.find((exchange) =>
      exchange.party === "storage" && exchange.method === "GET" && exchange.step > step &&
      exchange.step <= lastStep && exchange.origin === project.url &&
      // Whether Storage can read at all is asked of what is held.
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
  const ledAway = exchanges.find(({ origin }) => origin === REDIRECT_TARGET);
  if (ledAway) {
    throw new InvariantViolation("no_secret", `${ledAway.method} ${ledAway.path} went elsewhere`);
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
