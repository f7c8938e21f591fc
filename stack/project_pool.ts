import { delay } from "./delay.ts";
import { keepState, type KeptState } from "./postgres/kept_state.ts";
import type { Project } from "./project.ts";
import type { Secrets } from "./secrets.ts";

/** Unfinished work of a test in a project's functions must end within this time. */
const IDLE_MILLISECONDS = 2_000;

/** A project that is reused. */
interface PooledProject {
  readonly project: Project;
  readonly kept: KeptState;
}

/**
 * A pool of reusable projects. Creating a project takes a third of a second of CPU. Resetting its
 * rows, bytes, faults, logs and secrets takes a few milliseconds.
 */
export class ProjectPool {
  readonly #free: PooledProject[] = [];
  readonly #lent = new Map<string, PooledProject>();

  /** @param make creates a project, and `drop` deletes one that can't be reset */
  constructor(
    readonly make: () => Promise<Project>,
    readonly drop: (project: Project) => Promise<void>,
  ) {}

  /** Lends a project in its initial state with these secrets. It creates one if none is free. */
  async acquire(secrets: Secrets): Promise<Project> {
    const pooled = this.#free.pop() ?? await this.#make();
    this.#lent.set(pooled.project.info.name, pooled);
    pooled.project.replaceSecrets(secrets);
    return pooled.project;
  }

  async #make(): Promise<PooledProject> {
    const project = await this.make();
    return { project, kept: await keepState(project.info.adminDatabaseUrl) };
  }

  /** Whether a project of this name is lent. */
  has(name: string): boolean {
    return this.#lent.has(name);
  }

  /** Resets a returned project, or deletes it if it can't be reset. */
  async release(name: string): Promise<void> {
    const pooled = this.#lent.get(name);
    if (!pooled) return;
    this.#lent.delete(name);
    if (await isAsNew(pooled)) {
      this.#free.push(pooled);
      return;
    }
    await pooled.kept[Symbol.asyncDispose]();
    await this.drop(pooled.project);
  }

  /** Closes the pool's connections. The stack ends the projects. */
  async stop(): Promise<void> {
    const all = [...this.#free.splice(0), ...this.#lent.values()];
    this.#lent.clear();
    await Promise.all(all.map(({ kept }) => kept[Symbol.asyncDispose]()));
  }
}

async function isAsNew({ project, kept }: PooledProject): Promise<boolean> {
  const { functions, net, storage } = project.parts;
  storage.faults.clear();
  const quiet = (async () => {
    await functions.idle();
    await net?.drain();
    await functions.idle();
  })();
  const waiting = new AbortController();
  const timeout = delay(IDLE_MILLISECONDS, waiting.signal).then(() => "timeout");
  const outcome = await Promise.race([quiet, timeout]).catch(() => "timeout");
  waiting.abort();
  if (outcome === "timeout") return false;
  net?.drop(0);
  try {
    if (!await kept.restore()) return false;
  } catch {
    // For example a locked table or a restarting server. The caller then uses a new project.
    return false;
  }
  await storage.reset();
  functions.clearLogs();
  return true;
}
