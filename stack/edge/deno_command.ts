import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { denoDirectory, type DenoVersion } from "../process/deno_versions.ts";
import type { SpawnOptions } from "../process/supervised.ts";
import type { IsolateLimits } from "./isolate_limits.ts";
import { type Boot, BOOT_VARIABLE } from "./runtime/protocol.ts";

const BOOTSTRAP = fileURLToPath(new URL("./runtime/bootstrap.ts", import.meta.url));

/** Where a function lies and which Deno runs it. */
export interface FunctionSource {
  name: string;
  /** The folder that holds the function's folder and what it shares with others. */
  functionsDirectory: string;
  /** Path of the Deno binary. */
  deno: string;
  denoVersion: DenoVersion;
  /** Path of the lock file that caching its modules writes and its processes are held to. */
  lockFile: string;
}

/**
 * Of our own environment, what Deno itself needs to find its module cache and the npm registry.
 * The function does not get to see it.
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
 * How a function's process is started: with its own deno.json, no access to the network but to
 * this machine, no writing, no other processes, and modules from the cache only. Of the limits, only
 * the size of V8's heap is for the command to set.
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
      // The S3 SDK puts the system's release into its User-Agent, and looks for a home folder.
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
 * network. Returns what went wrong, for the function's log.
 *
 * The lock file holds the processes to the versions that were cached: they import the function
 * dynamically, and Deno may then choose other versions of what packages depend on than it does here,
 * where it also installs all that deno.json names.
 */
export async function cacheModules(source: FunctionSource): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(source.deno, {
    args: ["cache", "--quiet", ...moduleOptions(source), mainModule(source)],
    // Deno 2.1.4 trusts only its built-in authorities unless told otherwise.
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
 * V8 sizes the parts of its heap by the limit, and so how soon it collects garbage; Edge Runtime sets
 * it too. It ends the process where the heap fills faster than anybody could see.
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
