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
 * `shared`: one process takes all requests of a function until it is retired, as an isolate does.
 * `per_post`: each POST gets a new process, which ends when its work is done.
 */
export type ProcessMode = "shared" | "per_post";

/** `in_process`: Holdfast's functions run in the stack's own process. */
export type FunctionsMode = ProcessMode | "in_process";

/** Options for starting the functions of a project. */
export interface FunctionsOptions {
  workspace: Workspace;
  /** The folder with one subfolder for each function, with index.ts and deno.json. */
  functionsDirectory: string;
  names: readonly string[];
  /** The functions' complete environment. */
  environment: Record<string, string>;
  deno: DenoVersion;
  mode: ProcessMode;
  /** Limits of each process; unlimited if absent. CPU is limited only on Linux. */
  limits?: IsolateLimits;
  /** Module cache that hosts of the same functions share, so that modules are cached once. */
  modules?: ModuleCache;
}

/** A process that is reserved for one request. */
export interface FunctionLease {
  /** The port of 127.0.0.1 on which its handler listens. */
  port: number;
  /** The caller must call it when the response is sent or the request is abandoned. */
  release(): void;
  /** The caller must call it if the process did not respond. It gets no more requests. */
  condemn(): void;
  /** Whether a limit was the reason why the process closed the connection. */
  limited(): Promise<boolean>;
}

/** The functions of one project. */
export interface FunctionsHost extends AsyncDisposable {
  readonly names: readonly string[];
  readonly mode: FunctionsMode;
  readonly deno: DenoVersion;
  /**
   * Reserves a process for a request of this method. It boots one if none is running.
   *
   * @throws {FunctionBootError} if the function does not boot; its log has the cause
   */
  acquire(name: string, method: string): Promise<FunctionLease>;
  /** Replaces the environment for later requests. Running work keeps the old one. */
  setEnvironment(environment: Record<string, string>): void;
  setMode(mode: ProcessMode): void;
  /** Sets the limits of new processes; undefined removes them. Running ones keep their limits. */
  setLimits(limits: IsolateLimits | undefined): void;
  /** The log of all functions, or of one: the last 20,000 lines of each. */
  logs(name?: string): LogLine[];
  /** Clears the logs. */
  clearLogs(): void;
  /** The process ids of a function, for measurements. */
  pids(name: string): number[];
  /** The processes of a function, or of all: the last 10,000 ended ones and the running ones. */
  isolates(name?: string): IsolateRecord[];
  /**
   * Fires `beforeunload` with the reason `memory` in all processes of a function. They continue.
   */
  warn(name: string): void;
  /** Kills all processes of a function, and returns their number. */
  kill(name: string): Promise<number>;
  /** Resolves when no process has a pending request or `EdgeRuntime.waitUntil` promise. */
  idle(): Promise<void>;
  /** Fires `beforeunload` in all processes and ends them. */
  stop(): Promise<void>;
}

/**
 * Prepares functions: it caches their modules. Processes start with the first request. A function
 * that cannot be loaded fails at its first request, as on Supabase.
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
  /** All running processes, including retired ones. */
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
      process.watch.sample();
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

/** Maximum time to wait for the end of a process that closed its connection. */
const END_MILLISECONDS = 2_000;

/** Whether a limit ended a process that closed its connection. The process may also still run. */
async function endedByLimitSoon(process: FunctionProcess): Promise<boolean> {
  const { promise: patience, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, END_MILLISECONDS);
  if (!process.ended) await Promise.race([process.process.status, patience]);
  clearTimeout(timer);
  return endedByLimit(process.record());
}
