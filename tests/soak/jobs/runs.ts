import { InvariantViolation } from "../../simulation/invariants.ts";
import type { SoakProject } from "../environment/soak_project.ts";

/** The routes that start runs. */
const ROUTES = {
  backup: "holdfast-backup/runs",
  import: "holdfast-backup/imports",
  restore: "holdfast-restore/runs",
} as const;

/** The kinds of runs. */
export type Kind = keyof typeof ROUTES;

/** A run's row. */
export interface RunRow {
  readonly id: string;
  readonly kind: Kind;
  readonly state: "running" | "sealing" | "succeeded" | "failed" | "cancelled";
  readonly code: string | null;
  readonly message: string | null;
  readonly result: Record<string, unknown> | null;
}

/** The most attempts of a start that random faults prevent. */
const MAX_STARTS = 20;
const RETRY_MILLISECONDS = 500;
const POLL_MILLISECONDS = 250;
/** A run that takes longer is considered stuck. */
const PATIENCE_MINUTES = 10;

/**
 * Starts a run as an admin does, with several attempts, and returns its id.
 * @throws {InvariantViolation} `makes_progress` if none can be started
 */
export async function start(project: SoakProject, kind: Kind, body?: unknown): Promise<string> {
  const key = await project.key(kind === "restore" ? "restore" : "operate");
  const [{ now }] = await project.sql<[{ now: string }]>`select clock_timestamp()::text as now`;
  let said = "";
  for (let attempt = 0; attempt < MAX_STARTS; attempt++) {
    await noneOpen(project);
    const response = await fetch(`${project.url}/functions/v1/${ROUTES[kind]}`, {
      method: "POST",
      headers: { apikey: key },
      body: body === undefined ? "" : JSON.stringify(body),
    });
    said = `${response.status} ${await response.text()}`;
    // A random fault may have replaced the response: the row decides.
    const [run] = await project.sql<{ id: string }[]>`
      select id from holdfast_private.runs
      where kind = ${kind} and started_at >= ${now}::text::timestamptz and started_by <> 'schedule'
      order by started_at limit 1`;
    if (run) return run.id;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
  }
  throw new InvariantViolation(
    "makes_progress",
    `no ${kind} could be started in ${project.name}: ${said}`,
  );
}

/**
 * Waits for the end of a run, while ticks keep it going.
 * @throws {InvariantViolation} `makes_progress` if it does not end
 */
export async function ended(project: SoakProject, id: string): Promise<RunRow> {
  const deadline = Date.now() + PATIENCE_MINUTES * 60_000;
  while (Date.now() < deadline) {
    const run = await readRun(project, id);
    if (!isOpen(run)) return run;
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
  throw new InvariantViolation(
    "makes_progress",
    `run ${id} has not ended after ${PATIENCE_MINUTES} minutes`,
  );
}

/** Waits until no run is open in a project. */
export async function noneOpen(project: SoakProject): Promise<void> {
  for (let open = await openRun(project); open; open = await openRun(project)) {
    await ended(project, open.id);
  }
}

/** The run that is open in a project. */
export async function openRun({ sql }: SoakProject): Promise<RunRow | undefined> {
  const [run] = await sql<RunRow[]>`
    select id, kind, state, code, message, result from holdfast_private.runs
    where state in ('running', 'sealing')`;
  return run;
}

async function readRun({ sql }: SoakProject, id: string): Promise<RunRow> {
  const [run] = await sql<RunRow[]>`
    select id, kind, state, code, message, result from holdfast_private.runs where id = ${id}`;
  return run!;
}

function isOpen({ state }: RunRow): boolean {
  return state === "running" || state === "sealing";
}

/** The most consecutive runs of a kind that may fail, each with an error code. */
const MAX_FAILED = 6;

/**
 * Starts runs until one succeeds.
 * @throws {InvariantViolation} `makes_progress` if too many fail, or one has no error code
 */
export async function succeed(
  project: SoakProject,
  kind: Kind,
  body?: unknown,
): Promise<RunRow> {
  for (let failed = 0; failed <= MAX_FAILED; failed++) {
    const run = await ended(project, await start(project, kind, body));
    if (run.state === "succeeded") return run;
    // The soak cancels runs on purpose.
    if (run.state === "cancelled") continue;
    if (run.code === null) {
      throw new InvariantViolation(
        "makes_progress",
        `${kind} ${run.id} ended ${run.state} without an error code`,
      );
    }
    if (failed === MAX_FAILED) {
      const why = `${run.code}, ${run.message}`;
      throw new InvariantViolation(
        "makes_progress",
        `${MAX_FAILED + 1} times a ${kind} failed; last: ${why}`,
      );
    }
  }
  throw new Error("unreachable");
}

/** The number of runs in projects, by kind and state. */
export async function countRuns(projects: readonly SoakProject[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { sql } of projects) {
    const rows = await sql<{ name: string; count: number }[]>`
      select kind || ' ' || state as name, count(*)::int as count from holdfast_private.runs group by 1`;
    for (const { name, count } of rows) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return counts;
}
