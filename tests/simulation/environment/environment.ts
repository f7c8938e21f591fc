import { join } from "node:path";
import { startS3 } from "../../stack/s3/mod.ts";
import type { ConditionalWrites, S3Server } from "../../stack/s3/types.ts";
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

/** What stops and starts again in the middle. */
export const RESTARTED_SERVERS = ["database", "storage", "s3"] as const;

/** The name of such a server. */
export type RestartedServer = (typeof RESTARTED_SERVERS)[number];

/** A server that stops before a step; all connections to it end. */
export interface Restart {
  readonly server: RestartedServer;
  readonly step: number;
  /** So many steps later lanes find it again. */
  readonly away: number;
}

/** The project that only checks restore into: nobody dies there, so it needs no processes. */
export const RESTORE_TARGET = "fresh";

/** How a scene is set up. */
export interface EnvironmentOptions extends WorkerOptions {
  /** From which seed the order follows in which lanes go on; absent, they do as they ask. */
  readonly order?: number;
  /** Which conditions the S3 server honours. */
  readonly conditionalWrites: ConditionalWrites;
  /** How far clocks are ahead of the database's, milliseconds. */
  readonly aheadMs: Readonly<Record<"functions" | "storage" | "s3", number>>;
  /** Steps before which a scenario keeps the database as it is, and puts it back. */
  readonly moments: readonly [kept: number, back: number];
  /** Whether the functions run in processes of their own, which are really killed. */
  readonly processes?: boolean;
}

/** What the setting `lanes` is as long as nobody sets it. */
const DEFAULT_LANES = 2;

/** Nothing special. */
export const DEFAULT_OPTIONS: EnvironmentOptions = {
  shortSlices: false,
  workerCount: 1,
  conditionalWrites: "all",
  aheadMs: { functions: 0, storage: 0, s3: 0 },
  moments: [10, 30],
};

/** A project on the scene, with what makes it go. */
export interface Participant {
  readonly project: SimulatedProject;
  readonly workers: Workers;
  readonly scheduler: Scheduler;
}

/**
 * One moment of everything, brought to life: from here a scenario goes on and lanes die. There is
 * one scene at a time: all share the servers.
 */
export class Environment implements AsyncDisposable {
  readonly proxy: FaultProxy;
  /** What the lanes take for the time. */
  readonly clock = new VirtualClock();
  /** Promises that were seen broken while lanes worked; the first one counts. */
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

  /** Brings a state to life, or with none a repository's empty bucket. */
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
    await s3.createBucket(BUCKET);
    const environment = new Environment(servers, options, folder, s3, start, state);
    environment.clock.aheadMs = options.aheadMs.functions;
    environment.clock.install();
    for (const name of state?.projects ?? []) await environment.participant(name);
    return environment;
  }

  /** The project that is backed up. */
  get source(): Promise<Participant> {
    return this.participant("source");
  }

  /** A project by its name; a new one, with nothing but Holdfast in it, at the first call. */
  async participant(name: string): Promise<Participant> {
    const participant = this.#participants.get(name) ?? this.#makeActor(name);
    this.#participants.set(name, participant);
    return await participant;
  }

  /** Has a server stop before a step and start again; to lanes it may be away for longer. */
  planRestart({ server, step, away }: Restart): void {
    this.proxy.at(step, async () => {
      await this.#restart(server);
      if (away > 0) this.proxy.stayAway(server === "database" ? "sql" : server, step + away);
    });
  }

  async #restart(server: RestartedServer): Promise<void> {
    if (server === "s3") {
      await this.s3.stop();
      this.s3 = await this.startS3();
      return;
    }
    for (const { project } of await this.participants()) {
      if (server === "storage") await project.restartStorage();
      else await project.restartDatabase();
    }
  }

  /** All that have been on the scene. */
  async participants(): Promise<Participant[]> {
    return await Promise.all(this.#participants.values());
  }

  async #makeActor(name: string): Promise<Participant> {
    const { servers, proxy } = this;
    const project = await servers.project(name);
    await project.putBack(this.state);
    await this.#set(project);
    project.setStorageClock(this.options.aheadMs.storage);
    const watch = watchLease(project, (broken) => this.broken.push(broken));
    const workers: Workers = this.options.processes && name !== RESTORE_TARGET
      ? await ProcessWorkers.open(servers, project, proxy)
      : new LocalWorkers(project, proxy, servers, this.clock, watch, this.options);
    return { project, workers, scheduler: new Scheduler(project, proxy, workers) };
  }

  /** Puts a project's database back to what it was when the scene opened, as its own backup would. */
  async rewind(name: string): Promise<void> {
    const { project } = await this.participant(name);
    await project.putRowsBack(this.state);
    await this.#set(project);
  }

  /** Has a project's rows say what is another here than where its state was made. */
  async #set({ sql }: SimulatedProject): Promise<void> {
    const { conditionalWrites, workerCount } = this.options;
    // What the S3 server honours has to be probed here.
    if (conditionalWrites === "none") {
      await sql`update holdfast.repositories set conditional_writes = null`;
    }
    if (workerCount > DEFAULT_LANES) {
      await sql`update holdfast.settings set value = ${sql.json(workerCount)} where name = 'lanes'`;
    }
  }

  /** Ends the scene and keeps what came of it, as a state that others can begin with. */
  async save(): Promise<SavedState> {
    const id = `state ${this.servers.nextNumber()}`;
    for (const participant of this.#participants.values()) {
      await (await participant).project.keep(id, this.folder);
    }
    await this.s3.stop();
    return { id, projects: [...this.#participants.keys()], folder: this.folder };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.s3.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}
