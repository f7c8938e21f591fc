import { mainThreadCpu } from "./cpu_time.ts";
import {
  type IsolateLimits,
  type LimitedResource,
  RETIRING_SHARE,
  WARNING_SHARE,
} from "./isolate_limits.ts";

/** Sampling interval. An isolate exceeds a limit by at most this time. */
const SAMPLE_MILLISECONDS = 50;

/** The isolate as the watch controls it. */
export interface Watched {
  readonly pid: number;
  /** Whether no request and no `EdgeRuntime.waitUntil` promise is pending. */
  readonly idle: boolean;
  /** Stops new requests, and ends the isolate when it is idle. */
  retire(): void;
  /** Fires `beforeunload`. The isolate continues. */
  warn(reason: LimitedResource): void;
  kill(reason: LimitedResource): void;
}

/** Measures an isolate's resource use and enforces its limits, if any. */
export class IsolateWatch {
  readonly startedAt = Date.now();
  /** CPU time of its main thread at the last sample; 0 if the system does not report it. */
  cpuMilliseconds = 0;
  /** Memory in the isolate's last report. */
  memoryBytes = 0;
  peakMemoryBytes = 0;
  #wallMilliseconds: number | undefined;
  readonly #begun = performance.now();
  readonly #warned = new Set<LimitedResource>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(readonly isolate: Watched, readonly limits: IsolateLimits | undefined) {
    this.#timer = setInterval(() => this.sample(), SAMPLE_MILLISECONDS);
  }

  get wallMilliseconds(): number {
    return this.#wallMilliseconds ?? performance.now() - this.#begun;
  }

  /** Records the memory that the isolate reports. */
  setMemory(bytes: number): void {
    this.memoryBytes = bytes;
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, bytes);
    this.sample();
  }

  /** Takes a sample and enforces the limits. */
  sample(): void {
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
    // Memory may be freed later, so memory use retires only an idle isolate.
    const retiring = resource !== "memory" || this.isolate.idle;
    if (share >= RETIRING_SHARE && retiring) this.isolate.retire();
  }

  /** Stops measuring, because the isolate has ended. */
  end(): void {
    clearInterval(this.#timer);
    this.#wallMilliseconds ??= this.wallMilliseconds;
  }
}
