import { HTTP_FAULTS, SQL_FAULTS } from "../fault_catalogue/names.ts";
import type { Kind } from "./request_kinds.ts";

/** The receiver of a request. */
export type Party = "storage" | "s3" | "sql";

/** One request of a slice to the outside. */
export interface Step {
  /** Counted from 1 over all workers, in the order in which the proxy passes requests. */
  readonly number: number;
  readonly worker: number;
  readonly party: Party;
  /** Method and path, or the name of the database function. */
  readonly action: string;
  readonly kind: Kind;
}

/** Faults of the worker and its connection. Other workers take a delayed worker for crashed. */
export const WORKER_FAULTS = [
  "die_before",
  "die_after",
  "lose_reply",
  "sleep_before",
  "sleep_after",
  "flip_byte",
] as const;

/** All faults of a step. */
export const FAULT_NAMES = [...WORKER_FAULTS, ...HTTP_FAULTS, ...SQL_FAULTS] as const;

/** The name of a fault. */
export type FaultName = (typeof FAULT_NAMES)[number];

/** Whether a fault is the worker's own: its server has none. */
export function isWorkerFault(faultName: FaultName): boolean {
  return WORKER_FAULTS.some((known) => known === faultName);
}

/** The faults that a killed process can have. */
export const CRASHES: readonly FaultName[] = ["die_before", "die_after", "lose_reply"];

/** A fault and its step. */
export interface Fault {
  readonly step: number;
  readonly faultName: FaultName;
  /** For a delay: it ends so many steps later, or when nothing else is left to do. */
  readonly wakeAfter?: number;
}

/** Describes a fault for a report. */
export function describeFault({ step, faultName, wakeAfter }: Fault): string {
  return `${faultName} at step ${step}${
    wakeAfter === undefined ? "" : `, waking after ${wakeAfter}`
  }`;
}

/** Thrown by every client of a crashed worker: nothing it does reaches the outside. */
export class WorkerDied extends Error {
  override name = "WorkerDied";
}
