import { delay } from "./delay.ts";
import { keepState, type KeptState } from "./postgres/kept_state.ts";
import type { Project } from "./project.ts";
import type { Secrets } from "./secrets.ts";

/** Work that a test left in a project's functions must end within this time. */
const IDLE_MILLISECONDS = 2_000;

/** A project that is lent again and again. */
interface PooledProject {
  readonly project: Project;
  readonly kept: KeptState;
}

/**
 * Projects that are lent one after another. To make one takes a third of a second of CPU, to put
 * one back to its first state some milliseconds: rows, bytes, faults, logs and secrets.
 */
export class ProjectPool {
  readonly #free: PooledProject[] = [];
  readonly #lent = new Map<string, PooledProject>();

  /** @param make makes a project, and `drop` ends one that is of no further use */
  constructor(
    readonly make: () => Promise<Project>,
    readonly drop: (project: Project) => Promise<void>,
  ) {}

  /** Lends a project with these secrets, as new: the one that came back last, or another one. */
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

  /** Takes a project back, or ends it where it can't be put back to its first state. */
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

  /** Ends the connections of all; the projects themselves are the stack's. */
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
  const late = delay(IDLE_MILLISECONDS, waiting.signal).then(() => "late");
  const outcome = await Promise.race([quiet, late]).catch(() => "late");
  waiting.abort();
  if (outcome === "late") return false;
  net?.drop(0);
  try {
    if (!await kept.restore()) return false;
  } catch {
    // A table that is locked, a server that restarts: a new project is sure to be right.
    return false;
  }
  await storage.reset();
  functions.clearLogs();
  return true;
}
