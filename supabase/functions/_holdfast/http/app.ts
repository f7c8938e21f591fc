/** What the three functions share: the hono app, its errors, and what an isolate keeps. */
import { type Context, Hono } from "hono";
import { isolateBudget } from "../engine/budget.ts";
import { HoldfastError } from "../errors.ts";
import { logError, logUnexpected } from "../log.ts";
import { connectDatabase, type Database } from "../project/database.ts";
import { type ProjectSettings, readBudgetSettings, readProjectSettings } from "../settings.ts";
import { answerJson } from "./answer.ts";
import { type Caller, requireKey, type Scope } from "./keys.ts";
import { problemResponse } from "./problem.ts";

/** What an isolate keeps between requests. */
export interface Isolate {
  readonly project: ProjectSettings;
  readonly database: Database;
}

let kept: Isolate | undefined;

/** The isolate's settings and its one connection, made at the first request. */
export function isolate(): Isolate {
  if (!kept) {
    const project = readProjectSettings();
    const { cpuMilliseconds } = readBudgetSettings();
    if (cpuMilliseconds !== undefined) isolateBudget.allowCpu(cpuMilliseconds);
    kept = { project, database: connectDatabase(project.databaseUrl) };
  }
  return kept;
}

/** An app under `/<function name>`, with one way to answer errors. */
export function createApp(functionName: string): Hono {
  const app = new Hono().basePath(`/${functionName}`);
  app.onError((error) => problemResponse(error));
  app.notFound(() => problemResponse(new HoldfastError("not_found", "No route matches.")));
  return app;
}

/** The caller, if its key has the scope; see requireKey. */
export function authorize(context: Context, scope: Scope): Promise<Caller> {
  return requireKey(context.req.raw.headers, scope, isolate().database);
}

/** Works on after the answer, as long as the platform lets the isolate live. */
export function afterAnswer(work: Promise<void>): void {
  EdgeRuntime.waitUntil(work.catch((error) => {
    // Nobody is left to tell but the log; the cursors tell the next slice.
    if (error instanceof HoldfastError) logError({ code: error.code, message: error.message });
    else logUnexpected(error);
  }));
}

/** 202 for a run that goes on, with where to look. */
export function accepted(functionName: string, run: string): Response {
  const location = `/functions/v1/${functionName}/runs/${run}`;
  return answerJson({ id: run, location }, 202, { location });
}
