import type { ShutdownReason } from "./runtime/protocol.ts";

/** So many isolates of a project are remembered; the oldest go first. */
const REMEMBERED_ISOLATES = 10_000;

/**
 * Why an isolate ended: a reason of the platform's, `crash` where it ended by itself, `kill` where
 * the host's `kill` was called.
 */
export type IsolateEnd = ShutdownReason | "crash" | "kill";

/** One isolate, as far as it has come. */
export interface IsolateRecord {
  /** The name of the function. */
  function: string;
  pid: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Absent while it runs. */
  end?: IsolateEnd;
  /** Of its main thread; 0 where the system does not tell. */
  cpuMilliseconds: number;
  wallMilliseconds: number;
  /** What V8's heap and ArrayBuffers took when that was last looked at. */
  memoryBytes: number;
  /** The most that V8's heap and ArrayBuffers were seen to take. */
  peakMemoryBytes: number;
}

/** An isolate that can say how it is. */
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

  /** Those that have ended in the order in which they did, then those that run. */
  records(): IsolateRecord[] {
    return [...this.#ended, ...[...this.#running].map((isolate) => isolate.record())];
  }
}

/** Whether a limit ended an isolate. */
export function endedByLimit({ end }: Pick<IsolateRecord, "end">): boolean {
  return end === "cpu" || end === "memory" || end === "wall_clock";
}

/** One line for the log of the function. */
export function describeEnd(record: IsolateRecord): string {
  const memory = Math.round(record.peakMemoryBytes / 1024 / 1024);
  return `shutdown (reason: ${record.end}, CPU: ${record.cpuMilliseconds} ms, ` +
    `wall: ${Math.round(record.wallMilliseconds)} ms, memory: ${memory} MiB at most)`;
}
