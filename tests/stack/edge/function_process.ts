import type { SupervisedProcess } from "../process/supervised.ts";
import type { Workspace } from "../process/workspace.ts";
import type { Channel, ProcessConnection } from "./channel.ts";
import { functionCommand, type FunctionSource } from "./deno_command.ts";
import type { FunctionLogs } from "./logs.ts";
import { PendingWork } from "./pending_work.ts";
import type { Report, ShutdownReason } from "./runtime/protocol.ts";

/** So long may a module take to load and serve. */
const BOOT_SECONDS = 60;

/** So long may the listeners of `beforeunload` take. */
const STOP_SECONDS = 5;

/** The process ended, or served nothing, before it could take a request. */
export class FunctionBootError extends Error {
  override name = "FunctionBootError";
}

/** What a function's process is started with. */
export interface FunctionProcessOptions {
  workspace: Workspace;
  channel: Channel;
  logs: FunctionLogs;
  source: FunctionSource;
  /** All that the function finds in its environment. */
  environment: Record<string, string>;
}

/**
 * One process of a function: what an isolate is on Supabase. Limits on CPU, memory and wall time
 * belong here: whoever watches them ends the process by `stop` with the reason.
 */
export class FunctionProcess {
  #retired: ShutdownReason | undefined;

  private constructor(
    readonly process: SupervisedProcess,
    /** Where its handler listens on 127.0.0.1. */
    readonly port: number,
    readonly connection: ProcessConnection,
    readonly work: PendingWork,
  ) {}

  /**
   * Starts a process and waits until its handler serves.
   *
   * @throws {FunctionBootError} where it does not get so far
   */
  static async boot(options: FunctionProcessOptions): Promise<FunctionProcess> {
    const { workspace, channel, logs, source } = options;
    const listening = Promise.withResolvers<{ port: number; connection: ProcessConnection }>();
    const work = new PendingWork();
    const onReport = (report: Report, connection: ProcessConnection) => {
      if (report.type === "listening") listening.resolve({ port: report.port, connection });
      if (report.type === "not_serving") listening.reject(new FunctionBootError("serves nothing"));
      if (report.type === "pending") work.set("pending", report.count);
    };
    const token = channel.expect(onReport);
    const command = functionCommand(source, options.environment, { hostPort: channel.port, token });
    const process = workspace.spawn(`function ${source.name}`, {
      ...command,
      onLine: (text, stream) =>
        logs.add({ at: Date.now(), function: source.name, pid: process.pid, stream, text }),
    });
    process.status.then(() => {
      listening.reject(new FunctionBootError("ended while it loaded"));
      work.end();
    });
    const timer = setTimeout(
      () => listening.reject(new FunctionBootError(`not up after ${BOOT_SECONDS} s`)),
      BOOT_SECONDS * 1000,
    );
    try {
      const { port, connection } = await listening.promise;
      return new FunctionProcess(process, port, connection, work);
    } catch (error) {
      await kill(process);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number {
    return this.process.pid;
  }

  get ended(): boolean {
    return this.process.ended;
  }

  /** True once it takes no more requests. */
  get retired(): boolean {
    return this.#retired !== undefined || this.ended;
  }

  /** Holds the process for one request, until {@link release}. */
  hold(): void {
    this.work.change("held", 1);
  }

  release(): void {
    this.work.change("held", -1);
    this.#orderRetirement();
  }

  /** Lets the process end by itself when it is held by none and nothing is pending. */
  retire(reason: ShutdownReason): void {
    this.#retired ??= reason;
    this.#orderRetirement();
  }

  #orderRetirement(): void {
    if (this.#retired === undefined || this.work.held > 0) return;
    this.connection.order({ type: "retire", reason: this.#retired });
  }

  /** Ends the process now, after `beforeunload`. */
  async stop(reason: ShutdownReason): Promise<void> {
    this.connection.order({ type: "stop", reason });
    const timer = setTimeout(() => this.process.kill("SIGKILL"), STOP_SECONDS * 1000);
    await this.process.status;
    clearTimeout(timer);
  }

  /** Kills the process without a word. */
  async kill(): Promise<void> {
    await kill(this.process);
  }
}

async function kill(process: SupervisedProcess): Promise<void> {
  process.kill("SIGKILL");
  await process.status;
}
