import { join } from "node:path";
import {
  type SpawnOptions,
  spawnSupervised,
  STOP_SECONDS,
  type SupervisedProcess,
} from "./supervised.ts";
import { startWatchdog } from "./watchdog.ts";

/**
 * A temporary folder and the processes that work in it. Disposing of the workspace removes the
 * folder and ends the processes. The same happens when this process ends for any reason, including
 * SIGKILL.
 */
export interface Workspace extends AsyncDisposable {
  /** The folder, absolute; mode 0755, so that processes of another user can work below it. */
  readonly path: string;
  /** Starts a process that ends with the workspace at the latest. `name` is for logs only. */
  spawn(name: string, options: SpawnOptions): SupervisedProcess;
  /** Creates a folder below the workspace. Its owner is the given user, or the current one. */
  makeFolder(name: string, owner?: { uid?: number; gid?: number }): Promise<string>;
  /** Disposes of the workspace. Further calls have no effect. */
  dispose(): Promise<void>;
}

/**
 * Creates a workspace in the system's folder for temporary files.
 *
 * @throws Error on disposal, if the folder can't be removed or a process can't be ended.
 */
export async function createWorkspace(): Promise<Workspace> {
  // No await between the two: only a kill at this moment leaves an empty folder.
  const path = Deno.makeTempDirSync({ prefix: "holdfast-" });
  const watchdog = startWatchdog(path);
  await Deno.chmod(path, 0o755);
  const processes = new Set<SupervisedProcess>();
  let disposal: Promise<void> | undefined;

  async function disposeOnce() {
    await watchdog.finish();
    await Promise.all([...processes].map(assertEnds));
  }
  const dispose = () => disposal ??= disposeOnce();

  return {
    path,
    spawn(name, options) {
      if (disposal) throw new Error(`the workspace ${path} is disposed of`);
      const process = spawnSupervised(watchdog, name, { cwd: path, ...options });
      processes.add(process);
      const forget = () => processes.delete(process);
      process.status.then(forget, forget);
      return process;
    },
    async makeFolder(name, owner) {
      const folder = join(path, name);
      await Deno.mkdir(folder, { recursive: true });
      if (owner?.uid !== undefined) await Deno.chown(folder, owner.uid, owner.gid ?? null);
      return folder;
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

/**
 * Throws after a timeout: a process that the watchdog missed would hold the output open forever.
 */
async function assertEnds(process: SupervisedProcess) {
  const { promise: timeout, resolve } = Promise.withResolvers<"timeout">();
  const timer = setTimeout(() => resolve("timeout"), STOP_SECONDS * 1000);
  try {
    if (await Promise.race([process.status, timeout]) !== "timeout") return;
    throw new Error(`${process.name} or a process it started is still there after its end`);
  } finally {
    clearTimeout(timer);
  }
}
