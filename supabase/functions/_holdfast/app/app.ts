/** What the three functions share: the hono app, its errors, and what an app is composed of. */
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

/** What an app is composed of: all that it reaches of the outside. */
export interface AppOptions {
  readonly environment: Environment;
  /** Connects to Postgres, at the first request and only once. */
  readonly connect: (databaseUrl: string) => Database;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** What all slices of the app's isolate may use together. */
  readonly budget: Budget;
  /** Keeps the isolate alive until the work is done, as far as the platform does that. */
  readonly waitUntil: (work: Promise<void>) => void;
}

/** What an app keeps between requests. */
export interface App {
  /** The function's name, which its paths begin with. */
  readonly name: string;
  /** Serves requests. */
  readonly routes: Hono<KeyedEnv>;
  readonly budget: Budget;
  /**
   * What jobs are composed with; made at the first call, so that a wrong setting is answered.
   * @throws HoldfastError `settings_invalid` that names every variable that is wrong.
   */
  services(): Services;
  /** Adds a route for callers whose key has the scope. There is no way to add one without. */
  get: AddRoute;
  post: AddRoute;
  /** Works on after the answer, and logs what goes wrong then. */
  runInBackground(work: Promise<void>): void;
}

/** Adds a route: its path below the function's name, its scope, and what answers. */
export type AddRoute = <Path extends string>(
  path: Path,
  scope: Scope,
  handle: Handler<KeyedEnv, Path>,
) => void;

/** An app under `/<function name>`, with one way to answer errors. */
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
        // Nobody is left to tell but the log; the cursors tell the next slice.
        if (error instanceof HoldfastError) logError({ code: error.code, message: error.message });
        else logUnexpected(error);
      })),
  };
}

function lazyServices(
  { environment, connect, fetch, clock, budget }: AppOptions,
): () => Services {
  let made: Services | undefined;
  return () => {
    if (made) return made;
    const project = readProjectSettings(environment);
    const { cpuMilliseconds } = readBudgetSettings(environment);
    if (cpuMilliseconds !== undefined) budget.allowCpu(cpuMilliseconds);
    const database = connect(project.databaseUrl);
    made = { environment, project, database, transport: { fetch, clock } };
    return made;
  };
}

/** 202 for a run that goes on, with where to look. */
export function accepted(functionName: string, run: string): Response {
  const location = `/functions/v1/${functionName}/runs/${run}`;
  return jsonResponse({ id: run, location }, 202, { location });
}
