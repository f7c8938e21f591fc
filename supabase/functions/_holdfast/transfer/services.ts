/** The dependencies of jobs, which an app makes once. */
import type { Transport } from "../lib/http/transport.ts";
import type { Database } from "../lib/database.ts";
import type { Environment, ProjectSettings } from "../config/environment.ts";

/**
 * The access to everything outside the process. Jobs read variables and the time, and reach the
 * network and Postgres, only through it, so that tests can replace it.
 */
export interface Services {
  readonly environment: Environment;
  readonly project: ProjectSettings;
  readonly database: Database;
  readonly transport: Transport;
}
