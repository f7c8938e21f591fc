import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheModules, type FunctionSource, mainModule } from "./deno_command.ts";

/** Loads each function's modules into Deno's cache once for each Deno. */
export class ModuleCache {
  readonly #cached = new Map<string, Promise<string | undefined>>();

  /** @param folder where lock files are kept */
  constructor(readonly folder: string) {}

  /** Where the lock file of a function is. */
  lockFile(source: Omit<FunctionSource, "lockFile">): string {
    const digest = createHash("sha256").update(key(source)).digest("hex").slice(0, 16);
    return join(this.folder, `${source.name}-${digest}.lock`);
  }

  /** Resolves when the modules are cached, to what went wrong where something did. */
  prepare(source: FunctionSource): Promise<string | undefined> {
    const cached = this.#cached.get(key(source));
    if (cached !== undefined) return cached;
    const caching = cacheModules(source);
    this.#cached.set(key(source), caching);
    return caching;
  }

  /** Has the modules cached anew the next time: the function may have been edited meanwhile. */
  forget(source: FunctionSource): void {
    this.#cached.delete(key(source));
  }
}

function key(source: Omit<FunctionSource, "lockFile">): string {
  return `${source.deno} ${mainModule(source)}`;
}
