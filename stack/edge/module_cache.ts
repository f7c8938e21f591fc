import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheModules, type FunctionSource, mainModule } from "./deno_command.ts";

/** Loads each function's modules into Deno's cache, once for each version of Deno. */
export class ModuleCache {
  readonly #cached = new Map<string, Promise<string | undefined>>();

  /** @param folder the folder for lock files */
  constructor(readonly folder: string) {}

  /** The path of a function's lock file. */
  lockFile(source: Omit<FunctionSource, "lockFile">): string {
    const digest = createHash("sha256").update(key(source)).digest("hex").slice(0, 16);
    return join(this.folder, `${source.name}-${digest}.lock`);
  }

  /** Caches the modules. Resolves to the error output, or to undefined on success. */
  prepare(source: FunctionSource): Promise<string | undefined> {
    const cached = this.#cached.get(key(source));
    if (cached !== undefined) return cached;
    const caching = cacheModules(source);
    this.#cached.set(key(source), caching);
    return caching;
  }

  /** Makes the next `prepare` cache the modules again, for a function that may have been edited. */
  forget(source: FunctionSource): void {
    this.#cached.delete(key(source));
  }
}

function key(source: Omit<FunctionSource, "lockFile">): string {
  return `${source.deno} ${mainModule(source)}`;
}
