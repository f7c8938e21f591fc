import { type Measure, median, medianWithSpread, type Row } from "../row.ts";
import { type UnchangedResult, unchangedRuns } from "../support/unchanged.ts";

/** The number of rows of the target. */
const PROMISED_ROWS = 1_000_000;
const POSTGRES_MS = 6_000;

/** A run over an unchanged project: requests, Postgres's time, and its growth with the rows. */
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
      ...results.slice(1).map((result, index) => growth(results[index]!, result)),
    ];
  },
};

function postgresTime({ rows, postgresMs, wallMs, statements }: UnchangedResult): Measure {
  return {
    name: `Postgres time, ${rows.toLocaleString("en-US")} unchanged objects`,
    ...medianWithSpread(postgresMs),
    unit: "ms",
    ...(rows === PROMISED_ROWS && { target: { atMost: POSTGRES_MS } }),
    note: `${statements} statements; ${Math.round(wallMs)} ms from start to seal`,
  };
}

/** The slope between two numbers of rows. It is constant if the growth is linear. */
function growth(before: UnchangedResult, after: UnchangedResult): Measure {
  const more = median(after.postgresMs) - median(before.postgresMs);
  const [from, to] = [before.rows, after.rows].map((rows) => rows.toLocaleString("en-US"));
  return {
    name: `growth of Postgres time from ${from} to ${to} rows`,
    value: more / ((after.rows - before.rows) / 1_000),
    unit: "ms a thousand rows",
  };
}
