import { backupStages } from "../../../supabase/functions/_holdfast/backup/stages.ts";
import { createBudget } from "../../../supabase/functions/_holdfast/engine/budget.ts";
import { runSlice, type Stages } from "../../../supabase/functions/_holdfast/engine/slice.ts";
import type { Database } from "../../../supabase/functions/_holdfast/project/database.ts";
import { createObjectWriter } from "../../../supabase/functions/_holdfast/project/target.ts";
import { createS3Store } from "../../../supabase/functions/_holdfast/repository/s3_store.ts";
import { dropLeftScratchBuckets } from "../../../supabase/functions/_holdfast/restore/scratch.ts";
import { restoreStages } from "../../../supabase/functions/_holdfast/restore/stages.ts";
import { checkSnapshot } from "../../../supabase/functions/_holdfast/restore/choose.ts";
import { readRepositorySettings } from "../../../supabase/functions/_holdfast/settings.ts";
import type { Door } from "../door/door.ts";
import { type CallWatch, databaseThrough, requestThrough } from "../door/doors.ts";
import { LaneDied } from "../door/step.ts";
import type { LaneClock } from "./lane_clock.ts";
import type { FaultsProject } from "./project.ts";
import type { Servers } from "./servers.ts";
import type { FunctionName, Post, Start, Workers } from "./workers.ts";

/** What a lane has of the outside. */
interface LaneDoors {
  readonly database: Database;
  readonly request: typeof fetch;
}

/** How lanes behave that do not die. */
export interface LaneOptions {
  /** Whether the budget is spent after each page, so that slices are short and many. */
  readonly shortSlices: boolean;
  /** How many lanes there are, from 1 to 3, as soon as there is work for several. */
  readonly lanes: number;
}

/** The lanes of one project: slices that run here, as its functions would run them. */
export class Lanes implements Workers {
  #othersCame = false;

  constructor(
    readonly project: FaultsProject,
    readonly door: Door,
    readonly servers: Pick<Servers, "s3Endpoint" | "connections">,
    readonly clock: LaneClock,
    readonly watch: CallWatch,
    readonly options: LaneOptions,
  ) {}

  take({ url, body }: Post): void {
    const name = /\/functions\/v1\/([^/]+)\/work$/.exec(url)?.[1];
    this.#work(name as FunctionName, JSON.parse(body).run ?? null);
  }

  quiet(): Promise<void> {
    return this.door.quiet();
  }

  /** Works as `POST /work` of a function does. */
  #work(functionName: FunctionName, run: string | null): void {
    this.#begin(functionName, async (lane) => {
      await lane.database.call("enter_project", { project_url: this.project.url });
      await this.#slice(functionName, run, lane);
      if (functionName !== "holdfast-restore") return;
      const writer = createObjectWriter(this.project.settings, lane.request);
      await dropLeftScratchBuckets(writer, lane.database);
    });
  }

  start(start: Start): void {
    const functionName = start.kind === "restore" ? "holdfast-restore" : "holdfast-backup";
    this.#begin(functionName, async (lane) => {
      const run = await askFor(start, this.project.url, lane);
      await this.#slice(functionName, run, lane);
    });
  }

  async #slice(functionName: FunctionName, run: string | null, lane: LaneDoors): Promise<void> {
    const stages = functionName === "holdfast-restore" ? restoreStages : backupStages;
    const made: Stages = stages(this.project.settings, lane.database, lane.request);
    const budget = createBudget({ now: () => 0, cpu: () => 0 });
    if (this.options.shortSlices) budget.close();
    await runSlice(lane.database, functionName, made, run, budget);
  }

  /** Where several lanes are wanted: at the first call that only a stage for several makes. */
  #letOthersCome(call: string): void {
    if (this.#othersCame) return;
    if (call !== "backup_page" && call !== "restore_page") return;
    this.#othersCame = true;
    for (let lane = 2; lane <= this.options.lanes; lane++) {
      this.#work(call === "restore_page" ? "holdfast-restore" : "holdfast-backup", null);
    }
  }

  #begin(functionName: FunctionName, work: (lane: LaneDoors) => Promise<void>): void {
    const { clock, servers: { s3Endpoint: s3Origin, connections } } = this;
    const { databaseUrl } = this.project.settings;
    const readsBack = functionName === "holdfast-restore";
    const state = this.door.openLane();
    const direct = connections.take(databaseUrl);
    const lane: LaneDoors = {
      database: databaseThrough(this.door, state, direct, (call, send) => {
        this.#letOthersCome(call.name);
        return this.watch(call, send);
      }),
      request: requestThrough(this.door, state, { s3Origin, clock, readsBack }),
    };
    work(lane).catch((error) => {
      // Whoever asked would be told, and the function's log.
      if (!(error instanceof LaneDied)) console.error(`lane ${state.number} ended:`, error);
    }).finally(() => {
      connections.giveBack(databaseUrl, direct);
      state.end();
    });
  }
}

/** Asks for a run and returns its id. */
async function askFor(start: Start, url: string, lane: LaneDoors): Promise<string> {
  const { database, request } = lane;
  if (start.kind === "restore") {
    const store = createS3Store(readRepositorySettings(), request);
    await checkSnapshot(store, database, start.snapshot ?? "latest");
  }
  await database.call("enter_project", { project_url: url });
  switch (start.kind) {
    case "backup":
      return await database.call("start_backup", { started_by: "test" });
    case "import": {
      const plan = start.takeOver ? { take_over: true, force: true } : {};
      return await database.call("start_import", { started_by: "test", plan });
    }
    case "restore": {
      const { snapshot = "latest", overwrite = "never" } = start;
      const plan = { snapshot, dry_run: false, overwrite };
      return await database.call("start_restore", { started_by: "test", plan });
    }
  }
}
