import type { SupervisedProcess } from "../process/supervised.ts";
import type { Workspace } from "../process/workspace.ts";
import type { Channel, ProcessConnection } from "./channel.ts";
import { functionCommand, type FunctionSource } from "./deno_command.ts";
import type { IsolateLimits, LimitedResource } from "./isolate_limits.ts";
import { IsolateWatch, type Watched } from "./isolate_watch.ts";
import {
  describeEnd,
  type IsolateEnd,
  type IsolateRecord,
  type Isolates,
  type Recorded,
} from "./isolates.ts";
import type { FunctionLogs } from "./logs.ts";
import { PendingWork } from "./pending_work.ts";
import type { Order, Report, ShutdownReason } from "./runtime/protocol.ts";

/** Maximum time for a module to load and serve. */
const BOOT_SECONDS = 60;

/** Maximum time for the listeners of `beforeunload`. */
const STOP_SECONDS = 5;

/** V8's message when the heap is full before the watch has seen it grow. */
const HEAP_FULL = /^# Fatal JavaScript out of memory/;

/** The process ended, or its module called no `Deno.serve`, before it could take a request. */
export class FunctionBootError extends Error {
  override name = "FunctionBootError";
}

/** Options for starting a function's process. */
export interface FunctionProcessOptions {
  workspace: Workspace;
  channel: Channel;
  logs: FunctionLogs;
  isolates: Isolates;
  source: FunctionSource;
  /** The function's complete environment. */
  environment: Record<string, string>;
  limits: IsolateLimits | undefined;
}

/** One process of a function. It corresponds to an isolate on Supabase. */
export class FunctionProcess implements Watched, Recorded {
  readonly work = new PendingWork();
  readonly watch: IsolateWatch;
  readonly process: SupervisedProcess;
  readonly #listening = Promise.withResolvers<number>();
  #port = 0;
  #connection: ProcessConnection | undefined;
  #served = false;
  #retired: ShutdownReason | undefined;
  #end: IsolateEnd | undefined;

  private constructor(readonly options: FunctionProcessOptions) {
    const { workspace, channel, logs, isolates, source, environment, limits } = options;
    const token = channel.expect((report, connection) => this.#onReport(report, connection));
    const boot = { hostPort: channel.port, token };
    this.process = workspace.spawn(`function ${source.name}`, {
      ...functionCommand(source, environment, boot, limits),
      onLine: (text, stream) => {
        if (HEAP_FULL.test(text)) this.#end ??= "memory";
        logs.add({ at: Date.now(), function: source.name, pid: this.pid, stream, text });
      },
    });
    this.watch = new IsolateWatch(this, limits);
    isolates.begin(this);
    this.process.status.then((status) => this.#onEnd(status));
  }

  /**
   * Starts a process and waits until its handler serves.
   *
   * @throws {FunctionBootError} if it does not serve
   */
  static async boot(options: FunctionProcessOptions): Promise<FunctionProcess> {
    const process = new FunctionProcess(options);
    const { promise, reject } = process.#listening;
    const timer = setTimeout(
      () => reject(new FunctionBootError(`not up after ${BOOT_SECONDS} s`)),
      BOOT_SECONDS * 1000,
    );
    try {
      process.#port = await promise;
      return process;
    } catch (error) {
      process.kill("crash");
      await process.process.status;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #onReport(report: Report, connection: ProcessConnection): void {
    this.#connection = connection;
    const { resolve, reject } = this.#listening;
    if (report.type === "listening") resolve(report.port);
    if (report.type === "not_serving") reject(new FunctionBootError("serves nothing"));
    if (report.type === "pending") this.work.set("pending", report.count);
    if (report.type === "memory") this.watch.setMemory(report.bytes);
  }

  #onEnd(status: Deno.CommandStatus): void {
    this.#end ??= status.success && this.#retired !== undefined ? this.#retired : "crash";
    this.#listening.reject(new FunctionBootError(`ended while it loaded (${this.#end})`));
    this.work.end();
    this.watch.end();
    const { isolates, logs, source } = this.options;
    isolates.end(this);
    const text = describeEnd(this.record());
    logs.add({ at: Date.now(), function: source.name, pid: this.pid, stream: "stderr", text });
  }

  get pid(): number {
    return this.process.pid;
  }

  /** The port of 127.0.0.1 on which its handler listens. */
  get port(): number {
    return this.#port;
  }

  get ended(): boolean {
    return this.#end !== undefined || this.process.ended;
  }

  /** True if it accepts no more requests. */
  get retired(): boolean {
    return this.#retired !== undefined || this.ended;
  }

  get idle(): boolean {
    return this.work.isIdle;
  }

  /** The reason why it ended; undefined while it runs. */
  get end(): IsolateEnd | undefined {
    return this.#end;
  }

  record(): IsolateRecord {
    return {
      function: this.options.source.name,
      pid: this.pid,
      startedAt: this.watch.startedAt,
      ...(this.#end !== undefined && { end: this.#end }),
      cpuMilliseconds: this.watch.cpuMilliseconds,
      wallMilliseconds: this.watch.wallMilliseconds,
      memoryBytes: this.watch.memoryBytes,
      peakMemoryBytes: this.watch.peakMemoryBytes,
    };
  }

  /** Reserves the process for one request, until {@link release}. */
  hold(): void {
    this.#served = true;
    this.work.change("held", 1);
  }

  release(): void {
    this.work.change("held", -1);
    if (this.#retired !== undefined) this.#orderRetirement();
  }

  /**
   * Lets the process end as soon as no request holds it and nothing is pending. If it has not
   * served a request yet, it still takes the one for which it was started.
   */
  retire(reason: ShutdownReason = "early_drop"): void {
    if (this.retired || !this.#served) return;
    this.#retired = reason;
    this.#orderRetirement();
  }

  /** As {@link retire}, even if it has not served a request. */
  discard(): void {
    this.#served = true;
    this.retire();
  }

  #orderRetirement(): void {
    if (this.work.held === 0) this.#order({ type: "retire", reason: this.#retired! });
  }

  warn(reason: LimitedResource): void {
    this.#order({ type: "warn", reason });
  }

  #order(order: Order): void {
    this.#connection?.order(order);
  }

  /** Ends the process now, after `beforeunload`. */
  async stop(reason: ShutdownReason): Promise<void> {
    this.#end ??= reason;
    this.#order({ type: "stop", reason });
    const timer = setTimeout(() => this.process.kill("SIGKILL"), STOP_SECONDS * 1000);
    await this.process.status;
    clearTimeout(timer);
  }

  /** Kills the process without firing `beforeunload`. */
  kill(reason: IsolateEnd): void {
    this.#end ??= reason;
    this.process.kill("SIGKILL");
  }
}
