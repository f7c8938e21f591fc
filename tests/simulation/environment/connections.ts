import type { Database } from "../../../supabase/functions/_holdfast/lib/database.ts";
import { connectDatabase } from "../../../supabase/functions/_holdfast/project/database.ts";

/**
 * The workers' connections to PostgreSQL. The next worker reuses a connection that one has given back:
 * connecting takes some 30 ms, more than most of what a worker does with it.
 */
export class Connections implements AsyncDisposable {
  readonly #free = new Map<string, Database[]>();
  readonly #all: Database[] = [];

  /** Returns a connection that no other worker uses. */
  take(databaseUrl: string): Database {
    const free = this.#free.get(databaseUrl)?.pop();
    if (free) return free;
    const made = connectDatabase(databaseUrl);
    this.#all.push(made);
    return made;
  }

  /** Gives a connection back. No call may be in progress on it. */
  giveBack(databaseUrl: string, database: Database): void {
    const free = this.#free.get(databaseUrl) ?? [];
    free.push(database);
    this.#free.set(databaseUrl, free);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((database) => database.close()));
  }
}
