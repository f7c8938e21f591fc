import type { StopSignal, Watchdog } from "./watchdog.ts";

/** Options for starting a supervised process. Its standard input is empty. */
export interface SpawnOptions {
  command: string;
  args?: readonly string[];
  /**
   * Its working directory; the workspace by default, because other users may not enter the current
   * one.
   */
  cwd?: string;
  env?: Record<string, string>;
  /** True to start without the variables of this process's environment. */
  clearEnv?: boolean;
  /** User and group to run as; a different one requires root. */
  uid?: number;
  gid?: number;
  /**
   * Signal that asks the process to end before it is killed. The default KILL kills it directly.
   */
  stopSignal?: StopSignal;
  /** Called with each line of either stream, without its line end. */
  onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** A process that ends with its workspace at the latest. */
export interface SupervisedProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended and all of its output is read. */
  readonly status: Promise<Deno.CommandStatus>;
  /** True once the process has ended. */
  readonly ended: boolean;
  /** The last `OUTPUT_CHARACTERS` characters of its output, both streams together. */
  output(): string;
  /** Resolves to the first complete line that matches; rejects if the process ends without one. */
  waitForLine(pattern: RegExp): Promise<string>;
  /** Sends a signal to the process only. It has no effect if the process has ended. */
  kill(signal: Deno.Signal): void;
  /** Sends the stop signal, and kills the process after `STOP_SECONDS`. */
  stop(): Promise<Deno.CommandStatus>;
}

/** Number of characters of a process's output that are kept for diagnosing failures. */
export const OUTPUT_CHARACTERS = 1_000_000;

/** Maximum time for a process to end after its stop signal before it is killed. */
export const STOP_SECONDS = 10;

/**
 * A script that waits for a line before it executes the real command. So the watchdog knows the
 * process before the command runs. If this process ends before that, the line never arrives and the
 * script exits.
 */
const GATE = 'read -r line && [ "$line" = go ] || exit 125; exec "$@" </dev/null';

/** Starts a process in a new process group under the watchdog. */
export function spawnSupervised(
  watchdog: Watchdog,
  name: string,
  options: SpawnOptions,
): SupervisedProcess {
  const stopSignal = options.stopSignal ?? "KILL";
  const child = new Deno.Command("sh", {
    args: ["-c", GATE, name, options.command, ...(options.args ?? [])],
    cwd: options.cwd,
    env: options.env,
    clearEnv: options.clearEnv,
    uid: options.uid,
    gid: options.gid,
    detached: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines = new LineLog(options.onLine);
  const reading = Promise.all([
    lines.read(child.stdout, "stdout"),
    lines.read(child.stderr, "stderr"),
  ]);
  let ended = false;

  const opening = openGate(watchdog, child, stopSignal);
  const status = (async () => {
    const result = await child.status;
    ended = true;
    await opening;
    // Remaining processes of its group would keep running and hold its output open.
    sendSignal(-child.pid, "SIGKILL");
    await watchdog.remove(child.pid).catch(() => undefined);
    await reading;
    lines.end(`${name} ended (${describeStatus(result)})`);
    return result;
  })();
  // Callers await `status`. Without this handler an unobserved rejection would end this process.
  status.catch(() => undefined);

  const kill = (signal: Deno.Signal) => {
    if (!ended) sendSignal(child.pid, signal);
  };
  return {
    name,
    pid: child.pid,
    status,
    get ended() {
      return ended;
    },
    output: () => lines.text,
    waitForLine: (pattern) => lines.waitFor(pattern),
    kill,
    async stop() {
      await opening;
      kill(`SIG${stopSignal}`);
      const timer = setTimeout(() => kill("SIGKILL"), STOP_SECONDS * 1000);
      try {
        return await status;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

async function openGate(watchdog: Watchdog, child: Deno.ChildProcess, signal: StopSignal) {
  const gate = child.stdin.getWriter();
  try {
    await watchdog.add(child.pid, signal);
    await gate.write(new TextEncoder().encode("go\n"));
  } catch {
    // Without the watchdog the process must not run. Closing the gate ends it with status 125.
  } finally {
    await gate.close().catch(() => undefined);
  }
}

function sendSignal(pid: number, signal: Deno.Signal) {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function describeStatus(status: Deno.CommandStatus): string {
  return status.signal ? `signal ${status.signal}` : `status ${status.code}`;
}

/** Collects both streams of a process, line by line. */
class LineLog {
  text = "";
  #ended: string | undefined;
  #waiting: { pattern: RegExp; resolve(line: string): void; reject(error: Error): void }[] = [];
  #onLine: SpawnOptions["onLine"];

  constructor(onLine: SpawnOptions["onLine"]) {
    this.#onLine = onLine;
  }

  async read(stream: ReadableStream<Uint8Array<ArrayBuffer>>, name: "stdout" | "stderr") {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#add(line, name);
    }
    if (rest !== "") this.#add(rest, name);
  }

  #add(line: string, stream: "stdout" | "stderr") {
    this.text = `${this.text}${line}\n`.slice(-OUTPUT_CHARACTERS);
    this.#onLine?.(line, stream);
    this.#waiting = this.#waiting.filter((waiter) => {
      if (!waiter.pattern.test(line)) return true;
      waiter.resolve(line);
      return false;
    });
  }

  waitFor(pattern: RegExp): Promise<string> {
    const seen = this.text.split("\n").find((line) => pattern.test(line));
    if (seen !== undefined) return Promise.resolve(seen);
    if (this.#ended !== undefined) return Promise.reject(this.#failure(pattern));
    return new Promise((resolve, reject) => this.#waiting.push({ pattern, resolve, reject }));
  }

  end(reason: string) {
    this.#ended = reason;
    for (const waiter of this.#waiting) waiter.reject(this.#failure(waiter.pattern));
    this.#waiting = [];
  }

  #failure(pattern: RegExp): Error {
    return new Error(`${this.#ended} without a line like ${pattern}:\n${this.text.slice(-4000)}`);
  }
}
