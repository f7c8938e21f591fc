/** What jobs are composed with, made once by an app. */
import type { Transport } from "../lib/http/transport.ts";
import type { Database } from "../lib/database.ts";
import type { Environment, ProjectSettings } from "../config/environment.ts";

/**
 * The one way to everything outside: nothing reads a variable, the time or the network, or reaches
 * Postgres, by another way.
 */
export interface Services {
  readonly environment: Environment;
  readonly project: ProjectSettings;
  readonly database: Database;
  readonly transport: Transport;
}
