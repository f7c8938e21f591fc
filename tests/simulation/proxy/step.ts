import { HTTP_FAULTS, SQL_FAULTS } from "../fault_catalogue/names.ts";
import type { Kind } from "./request_kinds.ts";

/** Whom a slice asks. */
export type Party = "storage" | "s3" | "sql";

/** One request of a slice to the outside. */
export interface Step {
  /** From 1, over all lanes, in the order in which they were let through. */
  readonly number: number;
  readonly worker: number;
  readonly party: Party;
  /** Method and place, or the name of the function that is called. */
  readonly action: string;
  readonly kind: Kind;
}

/** What a lane itself may do at a step; one that sleeps is taken for dead by all others. */
export const WORKER_FAULTS = [
  "die_before",
  "die_after",
  "lose_reply",
  "sleep_before",
  "sleep_after",
  "flip_byte",
] as const;

/** All that may go wrong at a step. */
export const FAULT_NAMES = [...WORKER_FAULTS, ...HTTP_FAULTS, ...SQL_FAULTS] as const;

/** How a step goes wrong. */
export type FaultName = (typeof FAULT_NAMES)[number];

/** Whether a way is a lane's own, at which its server is well. */
export function isWorkerFault(faultName: FaultName): boolean {
  return WORKER_FAULTS.some((known) => known === faultName);
}

/** The ways of a crash alone. */
export const CRASHES: readonly FaultName[] = ["die_before", "die_after", "lose_reply"];

/** What goes wrong, and at which step. */
export interface Fault {
  readonly step: number;
  readonly faultName: FaultName;
  /** For a sleep: it ends so many steps later, or when there is nothing left to wait for. */
  readonly wakeAfter?: number;
}

/** A fault in words. */
export function describeFault({ step, faultName, wakeAfter }: Fault): string {
  return `${faultName} at step ${step}${
    wakeAfter === undefined ? "" : `, waking after ${wakeAfter}`
  }`;
}

/** What a lane gets from its doors once it is dead: it can do nothing more outside. */
export class WorkerDied extends Error {
  override name = "LaneDied";
}
