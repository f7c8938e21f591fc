import { digestOf } from "../../stack/repository_reader.ts";
import type { Ledger } from "../run/ledger.ts";
import type { SoakProject } from "../world/soak_project.ts";
import type { Passed } from "../world/weather_door.ts";

/** Watches that nothing in the repository is overwritten or deleted. */
export class WrittenOnce {
  readonly #put = new Set<string>();
  #digests = new Map<string, string>();

  constructor(readonly ledger: Ledger) {}

  /** Looks at a request that S3 carried out; its server honours If-None-Match. */
  passed({ method, path, query, status }: Passed): void {
    if (status >= 300 || query.includes("uploadId=")) return;
    if (method === "DELETE") this.ledger.break("written_once", `${path} was deleted`);
    if (method !== "PUT") return;
    if (this.#put.has(path)) this.ledger.break("written_once", `${path} was put a second time`);
    this.#put.add(path);
  }

  /** Reads all that lies in the repository, and holds what lay there before to what it was. */
  async compare({ reader }: SoakProject): Promise<void> {
    const now = new Map<string, string>();
    for (const key of await reader.keys()) {
      const bytes = await reader.source.get(`${reader.prefix}/${key}`);
      if (bytes) now.set(key, digestOf(bytes));
    }
    for (const [key, digest] of this.#digests) {
      if (now.get(key) === digest) continue;
      const what = now.has(key) ? "has other bytes" : "is gone";
      this.ledger.break("written_once", `${key} ${what}`);
    }
    this.#digests = now;
  }

  /** How much lies in the repository, as last read. */
  get keys(): number {
    return this.#digests.size;
  }
}
