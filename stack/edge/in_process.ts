import { AsyncLocalStorage } from "node:async_hooks";
import { format } from "node:util";
import { createBudget } from "../../supabase/functions/_holdfast/engine/budget.ts";
import { type Clock, systemClock } from "../../supabase/functions/_holdfast/lib/clock/clock.ts";
import { createApiApp } from "../../supabase/functions/_holdfast/app/api_app.ts";
import type { AppOptions } from "../../supabase/functions/_holdfast/app/app.ts";
import { createBackupApp } from "../../supabase/functions/_holdfast/app/backup_app.ts";
import { createRestoreApp } from "../../supabase/functions/_holdfast/app/restore_app.ts";
import type { Database } from "../../supabase/functions/_holdfast/lib/database.ts";
import { connectDatabase } from "../../supabase/functions/_holdfast/project/database.ts";
import { CURRENT_DENO } from "../process/deno_versions.ts";
import type { FunctionLease, FunctionsHost } from "./functions.ts";
import { FunctionLogs } from "./logs.ts";
import { PendingWork } from "./pending_work.ts";

/** Creates the app of one of Holdfast's functions. */
type CreateApp = (options: AppOptions) => { fetch(request: Request): Response | Promise<Response> };

const APPS: Readonly<Record<string, CreateApp>> = {
  "holdfast-api": createApiApp,
  "holdfast-backup": createBackupApp,
  "holdfast-restore": createRestoreApp,
};

/** Waits between retries are divided by this factor, so that tests run fast. */
const HASTE = 20;

/** The system clock with short waits between retries. Deadlines are unchanged. */
const hastyClock: Clock = {
  ...systemClock,
  delay: (ms) => systemClock.delay(ms / HASTE),
};

/** CPU limit of an unlimited isolate, so that no slice ends before its work is done. */
const UNLIMITED_CPU_MS = 24 * 60 * 60 * 1000;

/** The functions that can run in this process. */
export const IN_PROCESS_FUNCTIONS: readonly string[] = Object.keys(APPS);

/**
 * Serves Holdfast's functions in this process: without boot time, limits and processes to kill. It
 * is for tests of their logic. Tests of processes need the mode `shared` or `per_post`.
 */
export function serveInProcess(environment: Record<string, string>): FunctionsHost {
  return new InProcessHost(environment);
}

/** A function's app with its environment and its port. */
interface ServedApp {
  readonly server: Deno.HttpServer<Deno.NetAddr>;
  environment: Record<string, string>;
  fetch: (request: Request) => Response | Promise<Response>;
}

class InProcessHost implements FunctionsHost {
  readonly names = IN_PROCESS_FUNCTIONS;
  readonly mode = "in_process";
  readonly deno = CURRENT_DENO;
  #environment: Record<string, string>;
  #logs = new FunctionLogs();
  readonly #work = new PendingWork();
  readonly #served = new Map<string, ServedApp>();
  /** One connection for each function. It stays open when the environment changes. */
  readonly #databases = new Map<string, Database>();

  constructor(environment: Record<string, string>) {
    this.#environment = environment;
  }

  acquire(name: string): Promise<FunctionLease> {
    const served = this.#served.get(name) ?? this.#serve(name);
    if (served.environment !== this.#environment) {
      served.environment = this.#environment;
      served.fetch = this.#createApp(name);
    }
    this.#work.change("held", 1);
    return Promise.resolve({
      port: served.server.addr.port,
      release: () => this.#work.change("held", -1),
      condemn: () => {},
      limited: () => Promise.resolve(false),
    });
  }

  #serve(name: string): ServedApp {
    const served: ServedApp = {
      environment: this.#environment,
      fetch: this.#createApp(name),
      server: Deno.serve({
        hostname: "127.0.0.1",
        port: 0,
        onListen: () => {},
      }, (request) => logging.run((text) => this.#log(name, text), () => served.fetch(request))),
    };
    this.#served.set(name, served);
    return served;
  }

  #createApp(name: string): ServedApp["fetch"] {
    const environment = this.#environment;
    const budget = createBudget({ clock: hastyClock });
    budget.allowCpu(UNLIMITED_CPU_MS);
    const app = APPS[name]!({
      environment: (variable) => environment[variable],
      connect: (url) => this.#connect(name, url),
      fetch,
      clock: hastyClock,
      budget,
      waitUntil: (work) => {
        this.#work.change("pending", 1);
        work.finally(() => this.#work.change("pending", -1));
      },
    });
    return (request) => app.fetch(request);
  }

  #connect(name: string, url: string): Database {
    const database = this.#databases.get(name) ?? connectDatabase(url);
    this.#databases.set(name, database);
    return database;
  }

  setEnvironment(environment: Record<string, string>): void {
    this.#environment = environment;
  }

  setMode(): void {
    throw needsProcesses("given another mode");
  }

  setLimits(): void {
    throw needsProcesses("limited");
  }

  logs(name?: string) {
    return this.#logs.read(name);
  }

  pids(): number[] {
    return [];
  }

  isolates() {
    return [];
  }

  warn(): void {
    throw needsProcesses("warned");
  }

  kill(): Promise<number> {
    return Promise.reject(needsProcesses("killed"));
  }

  get isIdle(): boolean {
    return this.#work.isIdle;
  }

  idle(): Promise<void> {
    return this.#work.idle();
  }

  /** Clears the logs. */
  clearLogs(): void {
    this.#logs = new FunctionLogs();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#served.values()].map(({ server }) => server.shutdown()));
    await this.idle();
    await Promise.all([...this.#databases.values()].map((database) => database.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #log(name: string, text: string): void {
    for (const line of text.split("\n")) {
      this.#logs.add({ at: Date.now(), function: name, pid: 0, stream: "stderr", text: line });
    }
  }
}

function needsProcesses(what: string): RangeError {
  return new RangeError(
    `functions in this process can't be ${what}: make the project with mode shared or per_post`,
  );
}

/** The log of the function that handles the current call. */
const logging = new AsyncLocalStorage<(text: string) => void>();

/**
 * All functions share this process's console. The override writes each line to its function's log.
 */
const consoleError = console.error.bind(console);
console.error = (...said: unknown[]) => {
  const write = logging.getStore();
  if (write) write(format(...said));
  else consoleError(...said);
};
