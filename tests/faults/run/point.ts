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
import { ELSEWHERE } from "../door/doors.ts";
import type { Fault, Step, Way } from "../door/step.ts";
import { BrokenPromise, holds } from "../promises.ts";
import { FRESH, type Restart, Scene, type SceneOptions } from "../world/scene.ts";
import type { Servers } from "../world/servers.ts";
import { act } from "./act.ts";
import { takingLog } from "./log.ts";
import type { Prepared } from "./prepare.ts";

/** What goes wrong in one telling of a scenario, and how it is set up. */
export interface Point {
  readonly faults: readonly Fault[];
  readonly options: SceneOptions;
  /** Whether the newest snapshot is also restored from the bucket alone, into a new project. */
  readonly restore: boolean;
  /** From which seed bad weather follows; none where absent. */
  readonly weather?: number;
  readonly restarts?: readonly Restart[];
}

/** How a telling went. */
export interface Telling {
  /** Every step of it, those of the checks left out. */
  readonly steps: readonly Step[];
  /** Where something went wrong. */
  readonly struck: readonly { readonly step: Step; readonly way: Way }[];
  readonly broken?: BrokenPromise;
  /** What the lanes wrote to their log. */
  readonly log: readonly string[];
}

/** Tells a scenario once, with what is to go wrong, and holds what came of it to every promise. */
export function tell(servers: Servers, prepared: Prepared, point: Point): Promise<Telling> {
  return takingLog(async (log) => {
    await using scene = await Scene.open(servers, point.options, prepared.state);
    let steps: readonly Step[] = scene.door.steps;
    let broken: BrokenPromise | undefined;
    try {
      const heldAtDeath = watchDeaths(scene);
      const { scenario } = prepared;
      const endRound = async () => {
        if (scenario.restores || scenario.forgets) return;
        await assertNothingAgain(scene, heldAtDeath.splice(0), scene.door.steps.length);
      };
      await holds("goes_on", () => withinPatience(act(scene, scenario, point, endRound)));
      steps = [...scene.door.steps];
      await endRound();
      await check(scene, prepared, point, log);
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      broken = error;
    }
    const struck = scene.door.struck.map(({ step, fault }) => ({ step, way: fault.way }));
    return { steps: [...steps], struck, log: [...log], broken: scene.broken[0] ?? broken };
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
  readonly places: ReadonlySet<string>;
}

/** Looks at what is committed whenever a lane falls, and at each snapshot as soon as it counts. */
function watchDeaths(scene: Scene): Held[] {
  const held: Held[] = [];
  const look = async (check: () => Promise<unknown>) => {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      scene.broken.push(error);
    }
  };
  scene.door.fell = async ({ number }) => {
    const { project } = await scene.source;
    await look(() => assertNoRowPassed(project));
    await look(() => readSnapshots(project.reader));
    held.push({ step: number, places: await readHeld(project) });
  };
  scene.door.after = async ({ action }) => {
    if (!LOG_RECORD.test(action)) return;
    const { project } = await scene.source;
    await look(() => readSnapshots(project.reader));
  };
  return held;
}

/** What makes a snapshot count. */
const LOG_RECORD = /^PUT .*\/log\/\d+\.json$/;

/** What was committed when a lane died is not fetched again for a backup. */
async function assertNothingAgain(
  scene: Scene,
  deaths: readonly Held[],
  lastStep: number,
): Promise<void> {
  const { project } = await scene.source;
  for (const { step, places } of deaths) {
    const again = scene.door.exchanges.find((exchange) =>
      exchange.party === "storage" && exchange.method === "GET" && exchange.step > step &&
      exchange.step <= lastStep && exchange.origin === project.url &&
      // Whether Storage can read at all is asked of what is held.
      exchange.range !== "bytes=0-0" &&
      [...places].some((place) => exchange.path.endsWith(`/authenticated/${place}`))
    );
    if (again) throw new BrokenPromise("no_work_lost", `${again.path} was fetched again`);
  }
}

async function check(
  scene: Scene,
  { scenario, before }: Prepared,
  point: Point,
  log: readonly string[],
): Promise<void> {
  const { project } = await scene.actor(scenario.subject ?? "source");
  const { exchanges } = scene.door;
  const ledAway = exchanges.find(({ origin }) => origin === ELSEWHERE);
  if (ledAway) {
    throw new BrokenPromise("no_secret", `${ledAway.method} ${ledAway.path} went elsewhere`);
  }
  if (scene.clock.endless > 0) throw new BrokenPromise("goes_on", "a wait has no end");
  assertKept(before, await fingerprint(project.reader));
  assertWrittenOnce(exchanges, point.options.conditionalWrites === "all");
  const snapshots = await readSnapshots(project.reader);
  const newest = snapshots.at(-1);
  if (!scenario.restores) assertAssumedMarked(snapshots);
  if (scenario.backsUp !== false) {
    await holds("tells_the_truth", () => {
      if (!newest) throw new Error("there is no snapshot");
      return assertHolds(project, newest);
    });
  }
  if (!scenario.restores) {
    const write = exchanges.find(({ party, method }) => party === "storage" && method !== "GET");
    if (write) throw new BrokenPromise("source_untouched", `${write.method} ${write.path}`);
  }
  await holds("catalog_true", () => assertCatalog(project, snapshots));
  await scenario.check?.(scene, snapshots);
  await assertNoSecrets(scene.servers, project, log);
  if (point.restore && newest) {
    await holds("restores_exactly", async () => {
      const fresh = await scene.actor(FRESH);
      await fresh.clockwork.succeed({ kind: "restore", snapshot: newest.document.id });
      await assertRestored(fresh.project, newest);
    });
  }
}
