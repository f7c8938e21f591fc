/**
 * What a function's process and its host tell each other, one JSON value a line over a connection
 * that the process opens. Its first line is the token that the host gave it.
 */

/** Why an isolate ends, as `beforeunload` reports it: the reasons of Supabase's Edge Runtime. */
export type ShutdownReason = "cpu" | "memory" | "wall_clock" | "early_drop" | "termination";

/** From the process to its host. */
export type Report =
  /** The module is loaded and its handler serves on this port of 127.0.0.1. */
  | { type: "listening"; port: number }
  /** The module is loaded and serves nothing. */
  | { type: "not_serving" }
  /** So many promises given to `EdgeRuntime.waitUntil` are not settled. */
  | { type: "pending"; count: number }
  /** V8's heap and ArrayBuffers take so much. */
  | { type: "memory"; bytes: number };

/** From the host to the process. */
export type Order =
  /** Fire `beforeunload` and end at once, whatever is still going on. */
  | { type: "stop"; reason: ShutdownReason }
  /** Do so as soon as no promise is pending: no further request will come. */
  | { type: "retire"; reason: ShutdownReason }
  /** Fire `beforeunload` and go on: a limit is near. */
  | { type: "warn"; reason: ShutdownReason };

/** The environment variable that holds a {@link Boot} as JSON. */
export const BOOT_VARIABLE = "HOLDFAST_EDGE_BOOT";

/** What the process must know before it can load the function. */
export interface Boot {
  /** The host's port for reports and orders. */
  hostPort: number;
  token: string;
  /** The function's module, as a file URL. */
  module: string;
  /** The names of the variables that the function may see; it finds no other. */
  variables: string[];
}
