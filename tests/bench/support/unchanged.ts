/** Backups of an unchanged project, with growing numbers of rows. */
import { CURRENT_DENO } from "../../../stack/process/deno_versions.ts";
import type { Bench } from "../bench.ts";
import { median } from "../row.ts";
import { addHeldRows } from "./catalog.ts";
import { type BenchProject, createBenchProject, type Workers } from "./project.ts";
import { endOf } from "./run.ts";
import { resetStatements, workerStatements } from "./statements.ts";
import { startTarget, type Target } from "./target.ts";

const BUCKET = "files";
const RUNS = { quick: 1, usual: 3, full: 3 };
const SIZES = {
  quick: [1_000, 10_000],
  usual: [10_000, 100_000, 1_000_000, 5_000_000],
  full: [10_000, 100_000, 1_000_000, 5_000_000],
};

/** The result of runs over one number of unchanged rows. */
export interface UnchangedResult {
  readonly rows: number;
  readonly storageRequests: number;
  /** By operation. */
  readonly s3Requests: Record<string, number>;
  /** Of each run. */
  readonly postgresMs: readonly number[];
  /** Median. */
  readonly wallMs: number;
  /** The statements that workers sent in the last run. */
  readonly statements: number;
}

/** Measures every number of rows once in a run of the bench, fewest first. */
export function unchangedRuns(bench: Bench): Promise<UnchangedResult[]> {
  return bench.once("unchanged", async () => {
    await using project = await createBenchProject(bench, "unchanged");
    await using target = await startTarget(bench);
    await using workers = await project.startWorkers({
      deno: CURRENT_DENO,
      target,
      bucket: "backed-up",
    });
    await project.sql`insert into storage.buckets (id, name) values (${BUCKET}, ${BUCKET})`;
    // Creates the repository and the snapshot to which the later rows belong.
    await endOf(project.sql, await workers.startBackup());
    const results: UnchangedResult[] = [];
    for (const rows of bench.pick(SIZES)) {
      bench.say(`making ${rows} rows`);
      await addHeldRows(project.sql, BUCKET, (results.at(-1)?.rows ?? 0) + 1, rows);
      results.push(await runUnchanged(bench, project, workers, target, rows));
    }
    return results;
  });
}

async function runUnchanged(
  bench: Bench,
  project: BenchProject,
  workers: Workers,
  target: Target,
  rows: number,
): Promise<UnchangedResult> {
  const [postgresMs, wallMs]: [number[], number[]] = [[], []];
  let sent = 0;
  for (let run = 0; run < bench.pick(RUNS); run++) {
    await workers.functions.idle();
    await Promise.all([project.source.ask("reset"), target.server.ask("reset")]);
    await resetStatements(project.sql);
    const { seconds } = await endOf(project.sql, await workers.startBackup());
    wallMs.push(seconds * 1000);
    await workers.functions.idle();
    const statements = await workerStatements(project.sql);
    postgresMs.push(statements.reduce((sum, { ms }) => sum + ms, 0));
    sent = statements.reduce((sum, { calls }) => sum + calls, 0);
    for (const { query, calls, ms } of statements.slice(0, 4)) {
      bench.say(`${rows} rows: ${Math.round(ms)} ms in ${calls} ${query.replace(/\s+/g, " ")}`);
    }
  }
  const storage = await project.source.ask<Record<string, number>>("counts");
  return {
    rows,
    storageRequests: Object.values(storage).reduce((sum, times) => sum + times, 0),
    s3Requests: await target.server.ask("counts"),
    postgresMs,
    wallMs: median(wallMs),
    statements: sent,
  };
}
