/** Routes of every function that has runs: work, show and cancel. */
import { z } from "zod";
import type { Stages } from "../engine/types.ts";
import { runSlice } from "../engine/invocation.ts";
import { HoldfastError } from "../config/errors.ts";
import { jsonResponse } from "./json_response.ts";
import { accepted, type App } from "./app.ts";
import { readBody, readRunId } from "./read_body.ts";
import type { Scope } from "./keys.ts";

const workSchema = z.strictObject({ run: z.uuid().optional() });

/** Makes the stages of an app's jobs from the app's services. */
export type MakeStages = () => Stages;

/**
 * Adds `POST /work`, which runs one slice. The database calls it with the worker key.
 *
 * @param afterSlice runs when the slice has ended without an error
 */
export function addWorkRoute(
  app: App,
  stages: MakeStages,
  afterSlice: () => Promise<void> = () => Promise.resolve(),
): void {
  app.post("/work", "worker", async (context) => {
    const { database, project, transport } = app.services();
    const { run = null } = await readBody(context.req.raw, workSchema, transport.clock);
    if (!app.budget.admit()) {
      throw new HoldfastError("budget_exhausted", "The platform is about to end this isolate.");
    }
    await database.call("bind_project", { project_url: project.url });
    app.runInBackground(
      runSlice(database, app.name, stages(), run, app.budget).then(afterSlice),
    );
    return jsonResponse({ accepted: true }, 202);
  });
}

/** A run that was accepted. */
export interface AcceptedRun {
  /** 202 with the location of the run's report. */
  readonly response: Response;
  /** Resolves when the first slice has ended or was posted to another isolate. Never rejects. */
  readonly sliceEnded: Promise<void>;
}

/**
 * Runs the first slice of a new run in this isolate. If the isolate's budget is exhausted, the
 * database posts the slice to another isolate.
 */
export function acceptRun(app: App, run: string, stages: MakeStages): AcceptedRun {
  const { database } = app.services();
  const slice = app.budget.admit()
    ? runSlice(database, app.name, stages(), run, app.budget)
    : database.call<void>("post_slice", { run_id: run });
  app.runInBackground(slice);
  return { response: accepted(app.name, run), sliceEnded: slice.catch(() => {}) };
}

/** Adds `GET /runs/:id` and `POST /runs/:id/cancel` for a scope, for this function's runs only. */
export function addRunRoutes(app: App, scope: Scope): void {
  app.get("/runs/:id", scope, async (context) => {
    return jsonResponse(await showRun(app, context.req.param("id"), app.name));
  });
  app.post("/runs/:id/cancel", scope, async (context) => {
    const { caller } = context.var;
    const run = readRunId(context.req.param("id"));
    const state = await app.services().database.call<string>("cancel_run", {
      run_id: run,
      actor: caller.name,
      function_name: app.name,
    });
    return jsonResponse({ id: run, state });
  });
}

/**
 * Reads a run with its counters and failures.
 *
 * @param id UUID of the run
 * @param functionName the function that the run must belong to; absent: any
 * @throws HoldfastError `run_unknown`
 */
export async function showRun(
  app: App,
  id: string,
  functionName?: string,
): Promise<Record<string, unknown>> {
  const run = await app.services().database.call<Record<string, unknown> | null>("show_run", {
    run_id: readRunId(id),
    function_name: functionName,
  });
  if (!run) throw new HoldfastError("run_unknown", `There is no run ${id}.`);
  return run;
}
