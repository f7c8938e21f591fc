import { join } from "node:path";
import { startS3 } from "../../../stack/s3/mod.ts";
import type { ConditionalWrites, S3Server } from "../../../stack/s3/types.ts";
import { watchLease } from "../checks/lease.ts";
import { FaultProxy } from "../proxy/fault_proxy.ts";
import { RequestQueue } from "../proxy/request_queue.ts";
import type { InvariantViolation } from "../invariants.ts";
import { Random } from "../run/random.ts";
import { Scheduler } from "./scheduler.ts";
import { LocalWorkers, type WorkerOptions } from "./local_workers.ts";
import { VirtualClock } from "./virtual_clock.ts";
import type { SimulatedProject } from "./project.ts";
import { ProcessWorkers } from "../processes/process_workers.ts";
import { BUCKET, REGION, type Servers } from "./servers.ts";
import { copyFolder, type SavedState } from "./saved_state.ts";
import type { Workers } from "./workers.ts";

/** The servers that can restart during a run. */
export const RESTARTED_SERVERS = ["database", "storage", "s3"] as const;

/** The name of such a server. */
export type RestartedServer = (typeof RESTARTED_SERVERS)[number];

/** A restart of a server before a step. All connections to it end. */
export interface Restart {
  readonly server: RestartedServer;
  readonly step: number;
  /** The number of steps for which workers cannot reach it. */
  readonly away: number;
}

/**
 * The project into which only checks restore. No fault is injected there, so it needs no processes.
 */
export const RESTORE_TARGET = "fresh";

/** The options of an environment. */
export interface EnvironmentOptions extends WorkerOptions {
  /** The seed of the order in which requests pass; absent for the order of arrival. */
  readonly order?: number;
  /** The conditional writes that the S3 server honours. */
  readonly conditionalWrites: ConditionalWrites;
  /** How far each clock is ahead of the database's, in milliseconds. */
  readonly aheadMs: Readonly<Record<"functions" | "storage" | "s3", number>>;
  /** The steps before which a scenario saves the database and restores it. */
  readonly moments: readonly [kept: number, back: number];
  /** Whether the functions run in processes of their own, which are killed. */
  readonly processes?: boolean;
}

/** The default of the setting `workers`. */
const DEFAULT_WORKERS = 2;

/** An environment without variations. */
export const DEFAULT_OPTIONS: EnvironmentOptions = {
  shortSlices: false,
  workerCount: 1,
  conditionalWrites: "all",
  aheadMs: { functions: 0, storage: 0, s3: 0 },
  moments: [10, 30],
};

/** A project of the environment, with its workers and its scheduler. */
export interface Participant {
  readonly project: SimulatedProject;
  readonly workers: Workers;
  readonly scheduler: Scheduler;
}

/**
 * A saved state with all its servers running, in which a scenario continues. Only one environment is
 * open at a time: all use the same servers.
 */
export class Environment implements AsyncDisposable {
  readonly proxy: FaultProxy;
  /** The workers' clock. */
  readonly clock = new VirtualClock();
  /** Violations that were found while workers were active; the first one is reported. */
  readonly broken: InvariantViolation[] = [];
  readonly #participants = new Map<string, Promise<Participant>>();

  private constructor(
    readonly servers: Servers,
    readonly options: EnvironmentOptions,
    readonly folder: string,
    private s3: S3Server,
    private readonly startS3: () => Promise<S3Server>,
    readonly state: SavedState | undefined,
  ) {
    const { order } = options;
    this.proxy = new FaultProxy(
      new RequestQueue(order === undefined ? undefined : new Random(order ^ 0x3c6ef372)),
    );
  }

  /** Opens an environment with a saved state, or with an empty repository bucket. */
  static async open(
    servers: Servers,
    options: EnvironmentOptions,
    state?: SavedState,
  ): Promise<Environment> {
    const folder = await servers.makeFolder();
    const directory = join(folder, "s3");
    await Deno.mkdir(directory);
    if (state) await copyFolder(join(state.folder, "s3"), directory);
    const start = () =>
      startS3({
        directory,
        credentials: [servers.credentials],
        region: REGION,
        port: servers.s3Port,
        conditionalWrites: options.conditionalWrites,
        aheadMilliseconds: options.aheadMs.s3,
      });
    const s3 = await start();
    servers.s3 = s3;
    await s3.createBucket(BUCKET);
    const environment = new Environment(servers, options, folder, s3, start, state);
    environment.clock.aheadMs = options.aheadMs.functions;
    for (const name of state?.projects ?? []) await environment.participant(name);
    return environment;
  }

  /** The project that is backed up. */
  get source(): Promise<Participant> {
    return this.participant("source");
  }

  /** A project by its name. The first call creates it with nothing but Holdfast in it. */
  async participant(name: string): Promise<Participant> {
    const participant = this.#participants.get(name) ?? this.#makeActor(name);
    this.#participants.set(name, participant);
    return await participant;
  }

  /** Restarts a server before a step. Workers may be unable to reach it for some more steps. */
  planRestart({ server, step, away }: Restart): void {
    this.proxy.at(step, async () => {
      await this.#restart(server);
      if (away > 0) this.proxy.makeUnavailable(server === "database" ? "sql" : server, step + away);
    });
  }

  async #restart(server: RestartedServer): Promise<void> {
    if (server === "s3") {
      await this.s3.stop();
      this.s3 = await this.startS3();
      this.servers.s3 = this.s3;
      return;
    }
    for (const { project } of await this.participants()) {
      if (server === "storage") await project.restartStorage();
      else await project.restartDatabase();
    }
  }

  /** All projects of the environment. */
  async participants(): Promise<Participant[]> {
    return await Promise.all(this.#participants.values());
  }

  async #makeActor(name: string): Promise<Participant> {
    const { servers, proxy } = this;
    const project = await servers.project(name);
    await project.restore(this.state);
    await this.#set(project);
    project.setStorageClock(this.options.aheadMs.storage);
    const watch = watchLease(project, (broken) => this.broken.push(broken));
    const workers: Workers = this.options.processes && name !== RESTORE_TARGET
      ? await ProcessWorkers.open(servers, project, proxy)
      : new LocalWorkers(project, proxy, servers, this.clock, watch, this.options);
    return { project, workers, scheduler: new Scheduler(project, proxy, workers) };
  }

  /**
   * Restores a project's database to the state in which the environment opened, as a database
   * backup would.
   */
  async rewind(name: string): Promise<void> {
    const { project } = await this.participant(name);
    await project.restoreRows(this.state);
    await this.#set(project);
  }

  /** Changes the rows that depend on this environment's options. */
  async #set({ sql }: SimulatedProject): Promise<void> {
    const { conditionalWrites, workerCount } = this.options;
    // Holdfast has to probe what this S3 server honours.
    if (conditionalWrites === "none") {
      await sql`update holdfast_private.repositories set conditional_writes = null`;
    }
    if (workerCount > DEFAULT_WORKERS) {
      await sql`update holdfast_private.settings set value = ${
        sql.json(workerCount)
      } where name = 'workers'`;
    }
  }

  /** Closes the environment and saves its state, from which others can start. */
  async save(): Promise<SavedState> {
    const id = `state ${this.servers.nextNumber()}`;
    for (const participant of this.#participants.values()) {
      await (await participant).project.save(id, this.folder);
    }
    await this.s3.stop();
    return { id, projects: [...this.#participants.keys()], folder: this.folder };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.s3.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}
