import { denoBinary, type DenoVersion } from "../process/deno_versions.ts";
import type { Workspace } from "../process/workspace.ts";
import { type Channel, openChannel } from "./channel.ts";
import { type FunctionSource, mainModule } from "./deno_command.ts";
import { FunctionBootError, FunctionProcess } from "./function_process.ts";
import type { IsolateLimits } from "./isolate_limits.ts";
import { endedByLimit, type IsolateRecord, Isolates } from "./isolates.ts";
import { FunctionLogs, type LogLine } from "./logs.ts";
import { ModuleCache } from "./module_cache.ts";

export { FunctionBootError };
export type { IsolateLimits, IsolateRecord, LogLine };

/**
 * `shared`: one process of a function takes all its requests, as an isolate does that is not
 * retired. `per_post`: each POST gets a process of its own, which ends when its work is done.
 */
export type ProcessMode = "shared" | "per_post";

/** `in_process`: Holdfast's functions run in the stack's own process. */
export type FunctionsMode = ProcessMode | "in_process";

/** What the functions of a project are started with. */
export interface FunctionsOptions {
  workspace: Workspace;
  /** Holds a folder for each function, with index.ts and deno.json. */
  functionsDirectory: string;
  names: readonly string[];
  /** All that the functions find in their environment. */
  environment: Record<string, string>;
  deno: DenoVersion;
  mode: ProcessMode;
  /** What each process may use; absent: whatever it wants. CPU is only limited on Linux. */
  limits?: IsolateLimits;
  /** Shared by hosts that run the same functions, so that modules are cached once. */
  modules?: ModuleCache;
}

/** A process that is held for one request. */
export interface FunctionLease {
  /** Where its handler listens on 127.0.0.1. */
  port: number;
  /** To be called when the response is sent, or the request is given up. */
  release(): void;
  /** To be called where the process did not respond: it gets no more requests. */
  condemn(): void;
  /** Where the process hung up: whether a limit was why. */
  limited(): Promise<boolean>;
}

/** The functions of one project. */
export interface FunctionsHost extends AsyncDisposable {
  readonly names: readonly string[];
  readonly mode: FunctionsMode;
  readonly deno: DenoVersion;
  /**
   * A process for a request of this method, booted where there is none.
   *
   * @throws {FunctionBootError} where the function does not get up; its log says why
   */
  acquire(name: string, method: string): Promise<FunctionLease>;
  /** Replaces the environment. Requests from here on see it; work already begun keeps the old one. */
  setEnvironment(environment: Record<string, string>): void;
  setMode(mode: ProcessMode): void;
  /** Holds processes to other limits, or with undefined to none; those that run keep their own. */
  setLimits(limits: IsolateLimits | undefined): void;
  /** What the functions wrote, or one of them: the last 20,000 lines of each. */
  logs(name?: string): LogLine[];
  /** Forgets what they wrote. */
  clearLogs(): void;
  /** The process ids of a function, for whoever measures what they use. */
  pids(name: string): number[];
  /** Every process of a function, or of all: the last 10,000 that ended, and those that run. */
  isolates(name?: string): IsolateRecord[];
  /** Tells all processes of a function that their memory is nearly used up; they live on. */
  warn(name: string): void;
  /** Kills all processes of a function; returns how many there were. */
  kill(name: string): Promise<number>;
  /** Resolves when no process has a request, or a promise given to `EdgeRuntime.waitUntil`. */
  idle(): Promise<void>;
  /** Ends all processes, after `beforeunload`. */
  stop(): Promise<void>;
}

/**
 * Makes functions ready to be called: their modules are in the cache; processes start with the
 * first request. A function that cannot be loaded fails at its first request, as on Supabase.
 */
export async function startFunctions(options: FunctionsOptions): Promise<FunctionsHost> {
  const deno = await denoBinary(options.deno);
  const host = new Host(options, deno);
  await Promise.all(options.names.map((name) => host.prepare(name)));
  return host;
}

class Host implements FunctionsHost {
  readonly names: readonly string[];
  readonly deno: DenoVersion;
  mode: ProcessMode;
  #environment: Record<string, string>;
  #limits: IsolateLimits | undefined;
  readonly #options: FunctionsOptions;
  readonly #denoPath: string;
  readonly #modules: ModuleCache;
  readonly #channel: Channel = openChannel();
  #logs = new FunctionLogs();
  readonly #isolates = new Isolates();
  /** The process of each function that takes the next shared request. */
  readonly #shared = new Map<string, Promise<FunctionProcess>>();
  readonly #booting = new Set<Promise<FunctionProcess>>();
  /** Every process that has not ended, retired ones included. */
  readonly #running = new Map<FunctionProcess, string>();
  #stopped = false;

  constructor(options: FunctionsOptions, denoPath: string) {
    this.names = options.names;
    this.deno = options.deno;
    this.mode = options.mode;
    this.#environment = options.environment;
    this.#limits = options.limits;
    this.#options = options;
    this.#denoPath = denoPath;
    this.#modules = options.modules ?? new ModuleCache(options.workspace.path);
  }

  async prepare(name: string): Promise<void> {
    const failure = await this.#modules.prepare(this.#source(name));
    if (failure !== undefined) {
      this.#log(name, `caching ${mainModule(this.#source(name))}: ${failure}`);
    }
  }

  async acquire(name: string, method: string): Promise<FunctionLease> {
    const ownProcess = this.mode === "per_post" && method === "POST";
    const process = ownProcess ? await this.#holdOwn(name) : await this.#holdShared(name);
    return {
      port: process.port,
      release: () => process.release(),
      condemn: () => process.retire(),
      limited: () => endedByLimitSoon(process),
    };
  }

  async #holdOwn(name: string): Promise<FunctionProcess> {
    const process = await this.#boot(name);
    process.hold();
    process.retire();
    return process;
  }

  async #holdShared(name: string): Promise<FunctionProcess> {
    const current = this.#shared.get(name) ?? this.#boot(name);
    this.#shared.set(name, current);
    try {
      const process = await current;
      process.watch.look();
      if (!process.retired) {
        process.hold();
        return process;
      }
      this.#forget(name, current);
      return await this.#holdShared(name);
    } catch (error) {
      this.#forget(name, current);
      throw error;
    }
  }

  #forget(name: string, process: Promise<FunctionProcess>): void {
    if (this.#shared.get(name) === process) this.#shared.delete(name);
  }

  async #boot(name: string): Promise<FunctionProcess> {
    if (this.#stopped) throw new FunctionBootError("the functions are stopped");
    const booting = this.#bootProcess(name);
    this.#booting.add(booting);
    try {
      return await booting;
    } catch (error) {
      this.#modules.forget(this.#source(name));
      if (error instanceof FunctionBootError) this.#log(name, `boot error: ${error.message}`);
      throw error;
    } finally {
      this.#booting.delete(booting);
    }
  }

  async #bootProcess(name: string): Promise<FunctionProcess> {
    await this.prepare(name);
    const process = await FunctionProcess.boot({
      workspace: this.#options.workspace,
      channel: this.#channel,
      logs: this.#logs,
      isolates: this.#isolates,
      source: this.#source(name),
      environment: this.#environment,
      limits: this.#limits,
    });
    this.#running.set(process, name);
    process.process.status.then(() => this.#running.delete(process));
    return process;
  }

  setEnvironment(environment: Record<string, string>): void {
    this.#environment = environment;
    this.#discardShared();
  }

  setLimits(limits: IsolateLimits | undefined): void {
    this.#limits = limits;
    this.#discardShared();
  }

  #discardShared(): void {
    for (const booted of this.#shared.values()) {
      booted.then((process) => process.discard(), () => undefined);
    }
    this.#shared.clear();
  }

  setMode(mode: ProcessMode): void {
    this.mode = mode;
  }

  logs(name?: string): LogLine[] {
    return this.#logs.read(name);
  }

  clearLogs(): void {
    this.#logs = new FunctionLogs();
  }

  pids(name: string): number[] {
    return this.#processes(name).map(({ pid }) => pid);
  }

  isolates(name?: string): IsolateRecord[] {
    return this.#isolates.records().filter((record) =>
      name === undefined || record.function === name
    );
  }

  warn(name: string): void {
    for (const process of this.#processes(name)) process.warn("memory");
  }

  async kill(name: string): Promise<number> {
    const processes = this.#processes(name);
    this.#shared.delete(name);
    for (const process of processes) process.kill("kill");
    await Promise.all(processes.map((process) => process.process.status));
    return processes.length;
  }

  #processes(name: string): FunctionProcess[] {
    return [...this.#running].filter(([, owner]) => owner === name).map(([process]) => process);
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((process) => process.work.idle()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#booting);
    await Promise.all([...this.#running.keys()].map((process) => process.stop("termination")));
    await this.#channel.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #source(name: string): FunctionSource {
    const { functionsDirectory } = this.#options;
    const source = { name, functionsDirectory, deno: this.#denoPath, denoVersion: this.deno };
    return { ...source, lockFile: this.#modules.lockFile(source) };
  }

  #log(name: string, text: string): void {
    this.#logs.add({ at: Date.now(), function: name, pid: 0, stream: "stderr", text });
  }
}

/** So long may it take until the end of a process that hung up is known. */
const END_MILLISECONDS = 2_000;

/** Whether a process that hung up did so because a limit ends it; it may also live on. */
async function endedByLimitSoon(process: FunctionProcess): Promise<boolean> {
  const { promise: patience, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, END_MILLISECONDS);
  if (!process.ended) await Promise.race([process.process.status, patience]);
  clearTimeout(timer);
  return endedByLimit(process.record());
}
