import { backupStages } from "../../../supabase/functions/_holdfast/jobs/backup/stages.ts";
import { createBudget } from "../../../supabase/functions/_holdfast/engine/budget.ts";
import { runSlice } from "../../../supabase/functions/_holdfast/engine/invocation.ts";
import type { Stages } from "../../../supabase/functions/_holdfast/engine/types.ts";
import { importStages } from "../../../supabase/functions/_holdfast/jobs/import/stages.ts";
import type { Services } from "../../../supabase/functions/_holdfast/transfer/services.ts";
import type { Transport } from "../../../supabase/functions/_holdfast/lib/http/transport.ts";
import type { Database } from "../../../supabase/functions/_holdfast/lib/database.ts";
import { createObjectWriter } from "../../../supabase/functions/_holdfast/project/storage_writer.ts";
import { createS3Store } from "../../../supabase/functions/_holdfast/destinations/s3/store.ts";
import { dropOrphanedScratchBuckets } from "../../../supabase/functions/_holdfast/jobs/restore/scratch.ts";
import { restoreStages } from "../../../supabase/functions/_holdfast/jobs/restore/stages.ts";
import { checkSnapshot } from "../../../supabase/functions/_holdfast/jobs/restore/resolve_snapshot.ts";
import {
  readRepositorySettings,
  runtimeEnvironment,
} from "../../../supabase/functions/_holdfast/config/environment.ts";
import type { FaultProxy } from "../proxy/fault_proxy.ts";
import { type CallWatch, databaseClient, httpClient } from "../proxy/clients.ts";
import { WorkerDied } from "../proxy/step.ts";
import type { VirtualClock } from "./virtual_clock.ts";
import type { SimulatedProject } from "./project.ts";
import type { Servers } from "./servers.ts";
import type { FunctionName, Post, Start, Workers } from "./workers.ts";

/** The clients of a worker. */
interface WorkerClients {
  readonly database: Database;
  readonly transport: Transport;
}

/** How workers behave without faults. */
export interface WorkerOptions {
  /** Whether the budget is exhausted after each page, which makes slices short and many. */
  readonly shortSlices: boolean;
  /** How many workers there are, from 1 to 3, once there is work for several. */
  readonly workerCount: number;
}

/** The workers of one project: slices in this process, run as its functions run them. */
export class LocalWorkers implements Workers {
  #startedOthers = false;

  constructor(
    readonly project: SimulatedProject,
    readonly proxy: FaultProxy,
    readonly servers: Pick<Servers, "s3Endpoint" | "connections">,
    readonly clock: VirtualClock,
    readonly watch: CallWatch,
    readonly options: WorkerOptions,
  ) {}

  take({ url, body }: Post): void {
    const name = /\/functions\/v1\/([^/]+)\/work$/.exec(url)?.[1];
    this.#work(name as FunctionName, JSON.parse(body).run ?? null);
  }

  quiet(): Promise<void> {
    return this.proxy.quiet();
  }

  /** Does what `POST /work` of a function does. */
  #work(functionName: FunctionName, run: string | null): void {
    this.#begin(functionName, async (worker) => {
      await worker.database.call("bind_project", { project_url: this.project.url });
      await this.#slice(functionName, run, worker);
      if (functionName !== "holdfast-restore") return;
      const writer = createObjectWriter(this.project.settings, worker.transport);
      await dropOrphanedScratchBuckets(writer, worker.database);
    });
  }

  start(start: Start): void {
    const functionName = start.kind === "restore" ? "holdfast-restore" : "holdfast-backup";
    this.#begin(functionName, async (worker) => {
      const run = await startRun(start, this.project.url, worker);
      await this.#slice(functionName, run, worker);
    });
  }

  async #slice(
    functionName: FunctionName,
    run: string | null,
    worker: WorkerClients,
  ): Promise<void> {
    const services: Services = {
      environment: runtimeEnvironment,
      project: this.project.settings,
      database: worker.database,
      transport: worker.transport,
    };
    const made: Stages = functionName === "holdfast-restore"
      ? { ...importStages(services, "restore"), ...restoreStages(services) }
      : { ...backupStages(services), ...importStages(services) };
    const budget = createBudget({ clock: this.clock.forBudget(), cpu: () => 0 });
    if (this.options.shortSlices) budget.close();
    await runSlice(worker.database, functionName, made, run, budget);
  }

  /** Starts further workers at the first call of a stage that several workers share. */
  #startOthers(call: string): void {
    if (this.#startedOthers) return;
    if (call !== "backup_page" && call !== "restore_page") return;
    this.#startedOthers = true;
    for (let worker = 2; worker <= this.options.workerCount; worker++) {
      this.#work(call === "restore_page" ? "holdfast-restore" : "holdfast-backup", null);
    }
  }

  #begin(functionName: FunctionName, work: (worker: WorkerClients) => Promise<void>): void {
    const { clock, servers: { s3Endpoint: s3Origin, connections } } = this;
    const { databaseUrl } = this.project.settings;
    const readsBack = functionName === "holdfast-restore";
    const state = this.proxy.openWorker();
    const direct = connections.take(databaseUrl);
    const worker: WorkerClients = {
      database: databaseClient(this.proxy, state, direct, (call, send) => {
        this.#startOthers(call.name);
        return this.watch(call, send);
      }),
      transport: { fetch: httpClient(this.proxy, state, { s3Origin, clock, readsBack }), clock },
    };
    work(worker).catch((error) => {
      // A function logs it.
      if (!(error instanceof WorkerDied)) console.error(`worker ${state.number} ended:`, error);
    }).finally(() => {
      connections.giveBack(databaseUrl, direct);
      state.end();
    });
  }
}

/** Starts a run and returns its id. */
async function startRun(start: Start, url: string, worker: WorkerClients): Promise<string> {
  const { database, transport } = worker;
  if (start.kind === "restore") {
    const store = createS3Store(readRepositorySettings(runtimeEnvironment), transport);
    await checkSnapshot(store, database, start.snapshot ?? "latest");
  }
  await database.call("bind_project", { project_url: url });
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
