/** The names of signals that a supervised process can be asked to end with. */
export type StopSignal = "KILL" | "TERM" | "INT" | "QUIT";

/** The `sh` process that cleans up after us; see watchdog.sh. */
export interface Watchdog {
  /** Resolves when the watchdog is bound to end this process, whatever happens to us. */
  add(pid: number, signal: StopSignal): Promise<void>;
  /** To be called as soon as the process has ended: its number may be given to another. */
  remove(pid: number): Promise<void>;
  /** Ends every supervised process, removes the folder, and resolves when both is done. */
  finish(): Promise<void>;
}

const scriptUrl = new URL("./watchdog.sh", import.meta.url);

/**
 * Starts the watchdog of `folder`, which must exist already.
 *
 * It runs in a session of its own, so that neither Ctrl-C in a terminal nor the end of the terminal
 * reaches it, and it is the only one that holds the reading end of our pipe: the kernel closes the
 * writing end when our process goes away, by SIGKILL too.
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
      // Somebody may have killed the watchdog: then the pipe is broken, and we clean up without it.
      await writer.close().catch(() => undefined);
      let status = await child.status;
      if (status.signal !== null) status = await spawnScript(script, folder, "null").status;
      if (!status.success) throw new Error(`the workspace ${folder} could not be removed`);
    },
  };
}

function spawnScript(script: string, folder: string, stdin: "piped" | "null"): Deno.ChildProcess {
  return new Deno.Command("sh", {
    // Not `sh watchdog.sh`: sh reads a script as it goes, and the file may be gone by then.
    args: ["-c", 'eval "$WATCHDOG_SCRIPT"', "watchdog", folder],
    env: { WATCHDOG_SCRIPT: script },
    cwd: "/",
    detached: true,
    stdin,
    stdout: "null",
    stderr: "null",
  }).spawn();
}
