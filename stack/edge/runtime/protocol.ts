/**
 * The protocol between a function's process and its host. The process opens a connection and sends
 * the host's token as the first line. Each further line is one JSON value.
 */

/** The reason why an isolate ends, as Supabase's Edge Runtime reports it in `beforeunload`. */
export type ShutdownReason = "cpu" | "memory" | "wall_clock" | "early_drop" | "termination";

/** A message from the process to its host. */
export type Report =
  /** The module is loaded and its handler serves on this port of 127.0.0.1. */
  | { type: "listening"; port: number }
  /** The module is loaded and has no handler. */
  | { type: "not_serving" }
  /** The number of pending `EdgeRuntime.waitUntil` promises. */
  | { type: "pending"; count: number }
  /** The size of V8's heap and ArrayBuffers. */
  | { type: "memory"; bytes: number };

/** A message from the host to the process. */
export type Order =
  /** Fire `beforeunload` and exit immediately, even with pending work. */
  | { type: "stop"; reason: ShutdownReason }
  /** Do the same as soon as no promise is pending. No further request will come. */
  | { type: "retire"; reason: ShutdownReason }
  /** Fire `beforeunload` and continue, because a limit is near. */
  | { type: "warn"; reason: ShutdownReason };

/** The environment variable that holds a {@link Boot} as JSON. */
export const BOOT_VARIABLE = "HOLDFAST_EDGE_BOOT";

/** The data that the process needs to load the function. */
export interface Boot {
  /** The host's port for reports and orders. */
  hostPort: number;
  token: string;
  /** The function's module, as a file URL. */
  module: string;
  /** The names of the only variables that the function may read. */
  variables: string[];
}
