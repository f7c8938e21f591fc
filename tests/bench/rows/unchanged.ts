import type { Measure, Row } from "../row.ts";
import { type UnchangedResult, unchangedRuns } from "../support/unchanged.ts";

/** The number of rows that the target is about. */
const PROMISED_ROWS = 1_000_000;
const POSTGRES_MS = 6_000;

/** A run over a project in which nothing changed: requests, Postgres's time, and how it grows. */
export const unchanged: Row = {
  name: "unchanged",
  async measure(bench) {
    const results = await unchangedRuns(bench);
    const last = results.find(({ rows }) => rows === PROMISED_ROWS) ?? results.at(-1)!;
    const rows = last.rows.toLocaleString("en-US");
    const s3 = Object.values(last.s3Requests).reduce((sum, times) => sum + times, 0);
    return [
      {
        name: `requests to Storage, ${rows} unchanged objects`,
        value: last.storageRequests,
        unit: "requests",
        target: { atMost: 0 },
      },
      {
        name: `requests to S3, ${rows} unchanged objects`,
        value: s3,
        unit: "requests",
        target: { atMost: 4 },
        note: Object.entries(last.s3Requests).map(([name, times]) => `${times} ${name}`).join(", "),
      },
      ...results.map(postgresTime),
      {
        name: "growth of Postgres time, from the second largest to the largest",
        value: slope(results),
        unit: "ms a thousand rows",
      },
    ];
  },
};

function postgresTime({ rows, postgresMs, wallMs }: UnchangedResult): Measure {
  return {
    name: `Postgres time, ${rows.toLocaleString("en-US")} unchanged objects`,
    value: postgresMs,
    unit: "ms",
    ...(rows === PROMISED_ROWS && { target: { atMost: POSTGRES_MS } }),
    note: `${Math.round(wallMs)} ms from start to seal`,
  };
}

function slope(results: readonly UnchangedResult[]): number | undefined {
  const [before, last] = results.slice(-2);
  if (last === undefined) return undefined;
  return (last.postgresMs - before.postgresMs) / ((last.rows - before.rows) / 1_000);
}
