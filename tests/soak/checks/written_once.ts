import { digestOf } from "../../../stack/repository_reader.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import type { Passed } from "../environment/fault_proxy.ts";

/** Checks that nothing in the repository is overwritten or deleted. */
export class WrittenOnce {
  readonly #put = new Set<string>();
  #digests = new Map<string, string>();

  constructor(readonly journal: Journal) {}

  /** Checks a request that S3 executed. The server honours If-None-Match. */
  passed({ method, path, query, status }: Passed): void {
    if (status >= 300 || query.includes("uploadId=")) return;
    if (method === "DELETE") this.journal.break("written_once", `${path} was deleted`);
    if (method !== "PUT") return;
    if (this.#put.has(path)) this.journal.break("written_once", `${path} was put a second time`);
    this.#put.add(path);
  }

  /** Reads the repository and compares it with what an earlier call read. */
  async compare({ reader }: SoakProject): Promise<void> {
    const now = new Map<string, string>();
    for (const key of await reader.keys()) {
      const bytes = await reader.source.get(`${reader.prefix}/${key}`);
      if (bytes) now.set(key, digestOf(bytes));
    }
    for (const [key, digest] of this.#digests) {
      if (now.get(key) === digest) continue;
      const what = now.has(key) ? "has other bytes" : "is missing";
      this.journal.break("written_once", `${key} ${what}`);
    }
    this.#digests = now;
  }

  /** The number of objects in the repository when it was last read. */
  get keys(): number {
    return this.#digests.size;
  }
}
