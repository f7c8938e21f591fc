import { mainThreadCpu } from "./cpu_time.ts";
import {
  type IsolateLimits,
  type LimitedResource,
  RETIRING_SHARE,
  WARNING_SHARE,
} from "./isolate_limits.ts";

/** How often an isolate's use is looked at; a limit is overrun by no more than this. */
const SAMPLE_MILLISECONDS = 50;

/** What a watch does to its isolate. */
export interface Watched {
  readonly pid: number;
  /** Whether neither a request nor a promise given to `EdgeRuntime.waitUntil` is pending. */
  readonly idle: boolean;
  /** Has it take no more requests, and end when it is idle. */
  retire(): void;
  /** Fires `beforeunload` and lets it go on. */
  warn(reason: LimitedResource): void;
  kill(reason: LimitedResource): void;
}

/** Measures what an isolate uses, and holds it to its limits where it has any. */
export class IsolateWatch {
  readonly startedAt = Date.now();
  /** Of its main thread, as last looked at; stays 0 where the system does not tell. */
  cpuMilliseconds = 0;
  /** As the isolate last said. */
  memoryBytes = 0;
  peakMemoryBytes = 0;
  #wallMilliseconds: number | undefined;
  readonly #begun = performance.now();
  readonly #warned = new Set<LimitedResource>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(readonly isolate: Watched, readonly limits: IsolateLimits | undefined) {
    this.#timer = setInterval(() => this.look(), SAMPLE_MILLISECONDS);
  }

  get wallMilliseconds(): number {
    return this.#wallMilliseconds ?? performance.now() - this.#begun;
  }

  /** Takes down how much memory the isolate says that it has. */
  setMemory(bytes: number): void {
    this.memoryBytes = bytes;
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, bytes);
    this.look();
  }

  /** Measures now, and acts on it. */
  look(): void {
    if (this.#wallMilliseconds !== undefined) return;
    this.cpuMilliseconds = mainThreadCpu(this.isolate.pid) ?? this.cpuMilliseconds;
    if (this.limits === undefined) return;
    const { cpuMilliseconds, memoryBytes, wallMilliseconds } = this.limits;
    this.#hold("cpu", this.cpuMilliseconds / cpuMilliseconds);
    this.#hold("memory", this.memoryBytes / memoryBytes);
    this.#hold("wall_clock", this.wallMilliseconds / wallMilliseconds);
  }

  #hold(resource: LimitedResource, share: number): void {
    if (share >= 1) return this.isolate.kill(resource);
    const warning = share >= WARNING_SHARE && this.limits?.unannounced !== true;
    if (warning && !this.#warned.has(resource)) {
      this.#warned.add(resource);
      this.isolate.warn(resource);
    }
    // Memory may become free again: only an isolate that nobody would miss is dropped for it.
    const retiring = resource !== "memory" || this.isolate.idle;
    if (share >= RETIRING_SHARE && retiring) this.isolate.retire();
  }

  /** The isolate has ended: no more is measured. */
  end(): void {
    clearInterval(this.#timer);
    this.#wallMilliseconds ??= this.wallMilliseconds;
  }
}
