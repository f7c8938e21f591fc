/** Waits for a run and reads its counters. */
import type { Connection } from "../../../stack/postgres/connection.ts";

const POLL_MS = 25;

/** A run that has succeeded. */
export interface EndedRun {
  readonly id: string;
  readonly seconds: number;
  /** Sums over its cursors, by name. */
  readonly counters: Record<string, number>;
}

/** The counters that a run's cursors have committed so far, by name. */
export async function countersOf(sql: Connection, run: string): Promise<Record<string, number>> {
  const rows = await sql<{ name: string; total: number }[]>`
    select n.key as name, sum(n.value::bigint)::float8 as total
    from holdfast_private.cursors c, jsonb_each_text(c.counters) n where c.run = ${run} group by n.key`;
  return Object.fromEntries(rows.map(({ name, total }) => [name, total]));
}

/**
 * Waits for the end of a run. `watch` is called at every poll; if it returns true, the function
 * returns at once and the run continues.
 *
 * @throws Error if the run did not succeed
 */
export async function endOf(
  sql: Connection,
  run: string,
  watch: () => Promise<boolean> = () => Promise.resolve(false),
): Promise<EndedRun> {
  while (true) {
    const [row] = await sql<{ state: string; message: string | null; seconds: number }[]>`
      select state, message, extract(epoch from ended_at - started_at)::float8 as seconds
      from holdfast_private.runs where id = ${run}`;
    const left = await watch();
    if (left || row?.state === "succeeded") {
      return { id: run, seconds: row?.seconds ?? 0, counters: await countersOf(sql, run) };
    }
    if (row?.state !== "running" && row?.state !== "sealing") {
      throw new Error(`the run ended ${row?.state}: ${row?.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
