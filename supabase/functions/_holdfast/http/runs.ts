/** Routes that every function with runs has: work, show, cancel. */
import type { Hono } from "hono";
import { z } from "zod";
import { isolateBudget } from "../engine/budget.ts";
import { runSlice, type Stages } from "../engine/slice.ts";
import { HoldfastError } from "../errors.ts";
import { answerJson } from "./answer.ts";
import { accepted, afterAnswer, authorize, isolate } from "./app.ts";
import { readBody, readRunId } from "./body.ts";
import type { Scope } from "./keys.ts";

const workSchema = z.strictObject({ run: z.uuid().optional() });

/** Makes the stages of a function's jobs for this isolate. */
export type MakeStages = () => Stages;

/** Adds `POST /work`: a slice, asked for by SQL with the worker key, and what is to follow it. */
export function addWorkRoute(
  app: Hono,
  functionName: string,
  stages: MakeStages,
  afterSlice: () => Promise<void> = () => Promise.resolve(),
): void {
  app.post("/work", async (context) => {
    await authorize(context, "worker");
    const { run = null } = await readBody(context.req.raw, workSchema);
    if (!isolateBudget.admit()) {
      throw new HoldfastError("spent", "The platform is about to end this isolate.");
    }
    const { database, project } = isolate();
    await database.call("enter_project", { project_url: project.url });
    afterAnswer(runSlice(database, functionName, stages(), run).then(afterSlice));
    return answerJson({ accepted: true }, 202);
  });
}

/** Answers 202 and begins to work on a run that was just started, or has another isolate do so. */
export function beginRun(functionName: string, run: string, stages: MakeStages): Response {
  const { database } = isolate();
  afterAnswer(
    isolateBudget.admit()
      ? runSlice(database, functionName, stages(), run)
      : database.call("post_slice", { run_id: run }),
  );
  return accepted(functionName, run);
}

/** Adds `GET /runs/:id` and `POST /runs/:id/cancel` for a scope, and for this function's own runs. */
export function addRunRoutes(app: Hono, functionName: string, scope: Scope): void {
  app.get("/runs/:id", async (context) => {
    await authorize(context, scope);
    return answerJson(await showRun(context.req.param("id"), functionName));
  });
  app.post("/runs/:id/cancel", async (context) => {
    const caller = await authorize(context, scope);
    const run = readRunId(context.req.param("id"));
    const state = await isolate().database.call<string>("cancel_run", {
      run_id: run,
      actor: caller.name,
      function_name: functionName,
    });
    return answerJson({ id: run, state });
  });
}

/**
 * A run with its counters and failures, of any function or only of the one that is named.
 * @throws HoldfastError `run_unknown`.
 */
export async function showRun(id: string, functionName?: string): Promise<Record<string, unknown>> {
  const run = await isolate().database.call<Record<string, unknown> | null>("show_run", {
    run_id: readRunId(id),
    function_name: functionName,
  });
  if (!run) throw new HoldfastError("run_unknown", `There is no run ${id}.`);
  return run;
}
