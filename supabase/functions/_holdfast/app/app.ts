/** What the three functions share: the hono app, its error handling and its dependencies. */
import { type Handler, Hono } from "hono";
import type { Budget } from "../engine/budget.ts";
import type { Clock } from "../lib/clock/clock.ts";
import { HoldfastError } from "../config/errors.ts";
import { logError, logUnexpected } from "../observability/log.ts";
import type { Database } from "../lib/database.ts";
import {
  type Environment,
  readBudgetSettings,
  readProjectSettings,
} from "../config/environment.ts";
import type { Services } from "../transfer/services.ts";
import { jsonResponse } from "./json_response.ts";
import { type KeyedEnv, requireScope, type Scope } from "./keys.ts";
import { problemResponse } from "./problem_details.ts";

/** The dependencies of an app. Tests replace them. */
export interface AppOptions {
  readonly environment: Environment;
  /** Connects to Postgres. Called once, at the first request that needs it. */
  readonly connect: (databaseUrl: string) => Database;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** The limits that all slices of the isolate share. */
  readonly budget: Budget;
  /** Keeps the isolate alive until the work is done, or until the platform's limits end it. */
  readonly waitUntil: (work: Promise<void>) => void;
}

/** One of the three functions: its routes and what its requests share. */
export interface App {
  /** The function's name, which is the first segment of its paths. */
  readonly name: string;
  /** The hono app, which serves the requests. */
  readonly routes: Hono<KeyedEnv>;
  /** The limits that all slices of the isolate share. */
  readonly budget: Budget;
  /**
   * Returns the dependencies of jobs. They are made at the first call and not at load, so that a
   * request can report a wrong setting.
   *
   * @throws HoldfastError `settings_invalid`, which names every variable that is wrong
   */
  services(): Services;
  /** Adds a GET route for callers whose key has the scope. Every route requires a scope. */
  get: AddRoute;
  /** Adds a POST route, as `get` does. */
  post: AddRoute;
  /** Runs work after the response was sent, and logs its error. */
  runInBackground(work: Promise<void>): void;
}

/** Adds a route: its path below the function's name, its scope and its handler. */
export type AddRoute = <Path extends string>(
  path: Path,
  scope: Scope,
  handle: Handler<KeyedEnv, Path>,
) => void;

/**
 * Makes an app without routes, under `/<function name>`. It responds to every error with
 * application/problem+json.
 *
 * @param name the function's name
 */
export function createApp(name: string, options: AppOptions): App {
  const routes = new Hono<KeyedEnv>().basePath(`/${name}`);
  routes.onError((error) => problemResponse(error));
  routes.notFound(() => problemResponse(new HoldfastError("not_found", "No route matches.")));
  const services = lazyServices(options);
  const keyed = (scope: Scope) => requireScope(scope, () => services().database);
  return {
    name,
    routes,
    budget: options.budget,
    services,
    get: (path, scope, handle) => void routes.get(path, keyed(scope), handle),
    post: (path, scope, handle) => void routes.post(path, keyed(scope), handle),
    runInBackground: (work) =>
      options.waitUntil(work.catch((error) => {
        // The response is already sent, so only the log can report the error. The next slice
        // continues from the cursors.
        if (error instanceof HoldfastError) logError({ code: error.code, message: error.message });
        else logUnexpected(error);
      })),
  };
}

function lazyServices(
  { environment, connect, fetch, clock, budget }: AppOptions,
): () => Services {
  let services: Services | undefined;
  return () => {
    if (services) return services;
    const project = readProjectSettings(environment);
    const { cpuMilliseconds } = readBudgetSettings(environment);
    if (cpuMilliseconds !== undefined) budget.allowCpu(cpuMilliseconds);
    const database = connect(project.databaseUrl);
    services = { environment, project, database, transport: { fetch, clock } };
    return services;
  };
}

/** Makes the response 202 for a run that was started, with the location of its report. */
export function accepted(functionName: string, run: string): Response {
  const location = `/functions/v1/${functionName}/runs/${run}`;
  return jsonResponse({ id: run, location }, 202, { location });
}
