import { cacheModules, type FunctionSource, mainModule } from "./deno_command.ts";

/** Loads each function's modules into Deno's cache once for each Deno. */
export class ModuleCache {
  readonly #cached = new Map<string, Promise<string | undefined>>();

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

function key(source: FunctionSource): string {
  return `${source.deno} ${mainModule(source)}`;
}
