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

/** Makes a function's app; every function of Holdfast has one. */
type CreateApp = (options: AppOptions) => { fetch(request: Request): Response | Promise<Response> };

const APPS: Readonly<Record<string, CreateApp>> = {
  "holdfast-api": createApiApp,
  "holdfast-backup": createBackupApp,
  "holdfast-restore": createRestoreApp,
};

/** So many times shorter are waits between tries: nobody watches whether servers get their rest. */
const HASTE = 20;

/** The machine's clock, on which waits between tries are short; deadlines are as they are. */
const hastyClock: Clock = {
  ...systemClock,
  delay: (ms) => systemClock.delay(ms / HASTE),
};

/** CPU of an isolate that no platform limits, so that no slice ends before its work does. */
const UNLIMITED_CPU_MS = 24 * 60 * 60 * 1000;

/** The functions that can run in this process. */
export const IN_PROCESS_FUNCTIONS: readonly string[] = Object.keys(APPS);

/**
 * Holdfast's functions in this process: no boot, no limits, and nothing to kill. What a test asks of
 * them is their logic; what is about processes needs processes.
 */
export function serveInProcess(environment: Record<string, string>): FunctionsHost {
  return new InProcessHost(environment);
}

/** A function's app with the environment that it was made for, and where it listens. */
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
  /** Each function has a connection of its own, which outlives a change of its environment. */
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

  /** Forgets what the functions wrote. */
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

/** Where the function writes to that the present call belongs to. */
const logging = new AsyncLocalStorage<(text: string) => void>();

/** The functions write to the one console of this process: what they say goes to their own log. */
const consoleError = console.error.bind(console);
console.error = (...said: unknown[]) => {
  const write = logging.getStore();
  if (write) write(format(...said));
  else consoleError(...said);
};
