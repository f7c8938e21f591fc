import {
  connectDatabase,
  type Database,
} from "../../../supabase/functions/_holdfast/project/database.ts";

/**
 * The lanes' connections to PostgreSQL: one that a lane has left is taken by the next, as slices in
 * one isolate share theirs. Making one costs more than most of what lanes do with it.
 */
export class Connections implements AsyncDisposable {
  readonly #free = new Map<string, Database[]>();
  readonly #all: Database[] = [];

  /** A connection that no other lane has. */
  take(databaseUrl: string): Database {
    const free = this.#free.get(databaseUrl)?.pop();
    if (free) return free;
    const made = connectDatabase(databaseUrl);
    this.#all.push(made);
    return made;
  }

  /** Gives back what was taken; nothing of it may be under way any more. */
  giveBack(databaseUrl: string, database: Database): void {
    const free = this.#free.get(databaseUrl) ?? [];
    free.push(database);
    this.#free.set(databaseUrl, free);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((database) => database.close()));
  }
}
