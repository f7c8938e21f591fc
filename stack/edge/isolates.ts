import type { ShutdownReason } from "./runtime/protocol.ts";

/** Number of ended isolates of a project that are recorded. The oldest are removed first. */
const REMEMBERED_ISOLATES = 10_000;

/**
 * The reason why an isolate ended: one of the platform's reasons, `crash` if it ended by itself, or
 * `kill` if the host's `kill` was called.
 */
export type IsolateEnd = ShutdownReason | "crash" | "kill";

/** The record of one isolate. */
export interface IsolateRecord {
  /** The name of the function. */
  function: string;
  pid: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** The reason why it ended; absent while it runs. */
  end?: IsolateEnd;
  /** CPU time of its main thread; 0 if the system does not report it. */
  cpuMilliseconds: number;
  wallMilliseconds: number;
  /** Size of V8's heap and ArrayBuffers at the last sample. */
  memoryBytes: number;
  /** Largest sampled size of V8's heap and ArrayBuffers. */
  peakMemoryBytes: number;
}

/** An isolate that provides its record. */
export interface Recorded {
  record(): IsolateRecord;
}

/** The isolates of a project. */
export class Isolates {
  readonly #running = new Set<Recorded>();
  readonly #ended: IsolateRecord[] = [];

  begin(isolate: Recorded): void {
    this.#running.add(isolate);
  }

  end(isolate: Recorded): void {
    this.#running.delete(isolate);
    this.#ended.push(isolate.record());
    if (this.#ended.length > REMEMBERED_ISOLATES) this.#ended.shift();
  }

  /** The ended isolates in the order of their ends, then the running ones. */
  records(): IsolateRecord[] {
    return [...this.#ended, ...[...this.#running].map((isolate) => isolate.record())];
  }
}

/** Whether a limit ended an isolate. */
export function endedByLimit({ end }: Pick<IsolateRecord, "end">): boolean {
  return end === "cpu" || end === "memory" || end === "wall_clock";
}

/** Describes an isolate's end in one line for the function's log. */
export function describeEnd(record: IsolateRecord): string {
  const memory = Math.round(record.peakMemoryBytes / 1024 / 1024);
  return `shutdown (reason: ${record.end}, CPU: ${record.cpuMilliseconds} ms, ` +
    `wall: ${Math.round(record.wallMilliseconds)} ms, memory: ${memory} MiB at most)`;
}
