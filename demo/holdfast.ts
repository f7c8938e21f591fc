/** A client of Holdfast's functions, which calls them over HTTP with a key. */
import { z } from "zod";
import type { ProjectClient } from "../stack/project_client.ts";
import { DemoError } from "./errors.ts";

const POLL_MS = 150;
/** A run without progress for this long counts as failed. */
const STUCK_MS = 90_000;
/** Number of a function's last log lines in the error of a failed run. */
const PRINTED_LOG_LINES = 20;

const runSchema = z.looseObject({
  id: z.string(),
  state: z.enum(["running", "sealing", "succeeded", "failed", "cancelled"]),
  code: z.string().nullish(),
  message: z.string().nullish(),
  remedy: z.string().nullish(),
  result: z.record(z.string(), z.unknown()).nullish(),
  counters: z.record(z.string(), z.number()).nullish(),
});

/** A run as the function returns it. */
export type Run = z.output<typeof runSchema>;

/** A function that has runs, and a key that may start them. */
export interface RunsOf {
  readonly project: ProjectClient;
  readonly functionName: "holdfast-backup" | "holdfast-restore";
  readonly key: string;
}

/**
 * Starts a run and waits for its end.
 *
 * @param meanwhile called after each poll while the run continues
 * @throws DemoError `run_refused` or `run_failed`, with Holdfast's message
 */
export async function runToEnd(
  runs: RunsOf,
  body: Record<string, unknown>,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<Run> {
  const started = await request(runs, "runs", { method: "POST", body: JSON.stringify(body) });
  const id = z.object({ id: z.string() }).parse(started).id;
  let last = "";
  let movedAt = performance.now();
  while (true) {
    const run = runSchema.parse(await request(runs, `runs/${id}`));
    if (run.state === "succeeded") return run;
    if (run.state === "failed" || run.state === "cancelled") throw await failure(runs, run);
    const now = JSON.stringify([run.state, run.counters]);
    if (now !== last) movedAt = performance.now();
    last = now;
    if (performance.now() - movedAt > STUCK_MS) {
      throw await failure(runs, { ...run, message: "The run does nothing any more." });
    }
    await meanwhile();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function request(runs: RunsOf, path: string, init: RequestInit = {}): Promise<unknown> {
  const response = await runs.project.callFunction(`${runs.functionName}/${path}`, {
    ...init,
    headers: { apikey: runs.key },
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  const what = `${init.method ?? "GET"} ${runs.functionName}/${path}`;
  throw await withLogs(runs, "run_refused", `${what} answered ${response.status}: ${text}`);
}

/** The error for a failed run, with Holdfast's message. */
function failure(runs: RunsOf, { state, code, message, remedy }: Run): Promise<DemoError> {
  const words = [code, message, remedy].filter(Boolean).join("; ");
  return withLogs(runs, "run_failed", `${runs.functionName}: ${state}. ${words}`);
}

/** An error with the function's last log lines. */
async function withLogs(
  { project, functionName }: RunsOf,
  code: string,
  message: string,
): Promise<DemoError> {
  const logs = (await project.functionLogs(functionName)).slice(-PRINTED_LOG_LINES);
  return new DemoError(code, [message, ...logs.map(({ text }) => `  ${text}`)].join("\n"));
}

/** A run's counter; 0 if the run does not have it. */
export function counterOf(run: Run, name: string): number {
  return run.counters?.[name] ?? 0;
}
