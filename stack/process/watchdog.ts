/** The names of signals that a supervised process can be asked to end with. */
export type StopSignal = "KILL" | "TERM" | "INT" | "QUIT";

/** The `sh` process that cleans up when this process ends; see watchdog.sh. */
export interface Watchdog {
  /**
   * Adds a process. When it resolves, the watchdog will end the process even if this one is killed.
   */
  add(pid: number, signal: StopSignal): Promise<void>;
  /** Removes an ended process. Call it immediately, because the system may reuse its number. */
  remove(pid: number): Promise<void>;
  /** Ends every supervised process and removes the folder. */
  finish(): Promise<void>;
}

const scriptUrl = new URL("./watchdog.sh", import.meta.url);

/**
 * Starts the watchdog of `folder`, which must exist already.
 *
 * It runs in a new session, so that neither Ctrl-C nor closing the terminal reaches it. Only the
 * watchdog holds the reading end of the pipe. The kernel closes the writing end when this process
 * ends, also after SIGKILL.
 */
export function startWatchdog(folder: string): Watchdog {
  const script = Deno.readTextFileSync(scriptUrl);
  const child = spawnScript(script, folder, "piped");
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  const send = (line: string) => writer.write(encoder.encode(`${line}\n`));
  return {
    add: (pid, signal) => send(`add ${pid} ${signal}`),
    remove: (pid) => send(`remove ${pid}`),
    async finish() {
      // If the watchdog was killed, the pipe is broken, and the code below cleans up without it.
      await writer.close().catch(() => undefined);
      let status = await child.status;
      if (status.signal !== null) status = await spawnScript(script, folder, "null").status;
      if (!status.success) throw new Error(`the workspace ${folder} could not be removed`);
    },
  };
}

function spawnScript(script: string, folder: string, stdin: "piped" | "null"): Deno.ChildProcess {
  return new Deno.Command("sh", {
    // Not `sh watchdog.sh`: sh reads a script while running it, and the file may be deleted by
    // then.
    args: ["-c", 'eval "$WATCHDOG_SCRIPT"', "watchdog", folder],
    env: { WATCHDOG_SCRIPT: script },
    cwd: "/",
    detached: true,
    stdin,
    stdout: "null",
    stderr: "null",
  }).spawn();
}
