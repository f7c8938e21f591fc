import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { denoDirectory, type DenoVersion } from "../process/deno_versions.ts";
import type { SpawnOptions } from "../process/supervised.ts";
import type { IsolateLimits } from "./isolate_limits.ts";
import { type Boot, BOOT_VARIABLE } from "./runtime/protocol.ts";

const BOOTSTRAP = fileURLToPath(new URL("./runtime/bootstrap.ts", import.meta.url));

/** The location of a function, and the Deno that runs it. */
export interface FunctionSource {
  name: string;
  /** The folder that contains the function's folder and the shared code. */
  functionsDirectory: string;
  /** Path of the Deno binary. */
  deno: string;
  denoVersion: DenoVersion;
  /** Path of the lock file. Caching the modules writes it, and the function's processes use it. */
  lockFile: string;
}

/**
 * Variables of this process's environment that Deno needs to find its module cache and the npm
 * registry. The function can't read them.
 */
const DENO_VARIABLES = [
  "DENO_DIR",
  "HOME",
  "LOCALAPPDATA",
  "NPM_CONFIG_REGISTRY",
  "PATH",
  "XDG_CACHE_HOME",
];

/** The path of a function's main module. */
export function mainModule(
  source: Pick<FunctionSource, "functionsDirectory" | "name">,
): string {
  return join(source.functionsDirectory, source.name, "index.ts");
}

/**
 * The command that starts a function's process. The process uses the function's deno.json and
 * cached modules only. It may connect only to this machine, and may not write files or start
 * processes. The command sets one of the limits: the size of V8's heap.
 */
export function functionCommand(
  source: FunctionSource,
  environment: Record<string, string>,
  boot: Omit<Boot, "module" | "variables">,
  limits: IsolateLimits | undefined,
): SpawnOptions {
  const module = pathToFileURL(mainModule(source)).href;
  const settings: Boot = { ...boot, module, variables: Object.keys(environment) };
  return {
    command: source.deno,
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--cached-only",
      "--frozen",
      ...moduleOptions(source),
      ...heapOptions(limits),
      "--allow-env",
      "--allow-net=127.0.0.1,localhost",
      `--allow-read=${source.functionsDirectory}`,
      // The S3 SDK puts the system's release into its User-Agent, and reads the home folder's path.
      "--allow-sys=osRelease,uid,gid,homedir",
      BOOTSTRAP,
    ],
    clearEnv: true,
    env: {
      ...denoEnvironment(),
      ...denoDirectory(source.denoVersion),
      ...environment,
      [BOOT_VARIABLE]: JSON.stringify(settings),
    },
  };
}

/**
 * Loads a function's modules into Deno's cache, so that its processes start fast and without the
 * network.
 *
 * The lock file pins the cached versions. Without it, Deno may resolve transitive dependencies to
 * different versions in the processes: they import the function dynamically, while this command
 * also installs everything that deno.json lists.
 *
 * @returns the error output for the function's log; undefined on success
 */
export async function cacheModules(source: FunctionSource): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(source.deno, {
    args: ["cache", "--quiet", ...moduleOptions(source), mainModule(source)],
    // Deno 2.1.4 trusts only its built-in certificate authorities by default.
    env: {
      DENO_TLS_CA_STORE: "mozilla,system",
      NO_COLOR: "1",
      ...denoDirectory(source.denoVersion),
    },
    stdin: "null",
    stdout: "null",
  }).output();
  return success ? undefined : new TextDecoder().decode(stderr);
}

/**
 * V8's options for the memory limit. The heap limit determines how early V8 collects garbage, and
 * Edge Runtime sets it, too. V8 ends the process if the heap fills faster than the watch samples
 * it.
 */
function heapOptions(limits: IsolateLimits | undefined): string[] {
  if (limits === undefined) return [];
  return [`--v8-flags=--max-heap-size=${Math.ceil(limits.memoryBytes / 1024 / 1024)}`];
}

function moduleOptions(source: FunctionSource): string[] {
  const config = join(dirname(mainModule(source)), "deno.json");
  return [`--lock=${source.lockFile}`, "--node-modules-dir=none", "--config", config];
}

function denoEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  for (const name of DENO_VARIABLES) {
    const value = Deno.env.get(name);
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
