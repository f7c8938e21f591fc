import { join } from "node:path";
import {
  type SpawnOptions,
  spawnSupervised,
  STOP_SECONDS,
  type SupervisedProcess,
} from "./supervised.ts";
import { startWatchdog } from "./watchdog.ts";

/**
 * A temporary folder and the processes that work in it. Both are gone when it is disposed of, and
 * also when our own process goes away for any reason, SIGKILL included.
 */
export interface Workspace extends AsyncDisposable {
  /** The folder, absolute; mode 0755, so that processes of another user can work below it. */
  readonly path: string;
  /** Starts a process that lives no longer than the workspace. `name` is for logs only. */
  spawn(name: string, options: SpawnOptions): SupervisedProcess;
  /** Makes a folder below the workspace, owned by the given user where that is not us. */
  makeFolder(name: string, owner?: { uid?: number; gid?: number }): Promise<string>;
  /** The same as disposing of it. May be called more than once. */
  dispose(): Promise<void>;
}

/**
 * Makes a workspace in the system's folder for temporary files.
 *
 * @throws Error on disposal, where the folder could not be removed or a process not be ended.
 */
export async function createWorkspace(): Promise<Workspace> {
  // No await between the two: nothing but a kill in this very moment leaves an empty folder.
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

/** Who was left out by the watchdog would hold its output open, and us with it, for ever. */
async function assertEnds(process: SupervisedProcess) {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), STOP_SECONDS * 1000);
  try {
    if (await Promise.race([process.status, late]) !== "late") return;
    throw new Error(`${process.name} or a process it started is still there after its end`);
  } finally {
    clearTimeout(timer);
  }
}
