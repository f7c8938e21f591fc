import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { STACK_URL_VARIABLE } from "../stack/client.ts";
import { CURRENT_DENO, denoBinary, denoDirectory } from "../stack/process/deno_versions.ts";
import { type Counts, countsOfRun } from "./counts.ts";
import { type Failure, failuresOfReport } from "./failures.ts";
import type { Group } from "./groups.ts";

const TESTS = fileURLToPath(new URL("../", import.meta.url));

/** Whether a group has a test file at all. */
export async function hasTests(group: Group): Promise<boolean> {
  const left = (group.without ?? []).map((folder) => join(TESTS, folder));
  for (const path of group.paths) {
    if (path.endsWith(".ts") || await hasTestsBelow(join(TESTS, path), left)) return true;
  }
  return false;
}

async function hasTestsBelow(directory: string, left: string[]): Promise<boolean> {
  if (left.includes(directory)) return false;
  try {
    for await (const entry of Deno.readDir(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory ? await hasTestsBelow(path, left) : /[._]test\.ts$/.test(entry.name)) {
        return true;
      }
    }
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What a group is run with. */
export interface RunOptions {
  stackUrl: string | undefined;
  /** Further variables, such as where a real part is. */
  environment: Record<string, string>;
  /** A folder for the report, which is deleted with it. */
  reports: string;
  /** Further arguments for `deno test`. */
  passedOn: readonly string[];
  /** Ends the tests at once. */
  signal: AbortSignal;
  /** Whether other groups run meanwhile: what this one prints is then kept, to be shown later. */
  beside: boolean;
}

/** How a group went. */
export interface GroupRun {
  counts: Counts;
  failures: Failure[];
  /** All that it printed, where that was kept. */
  printed: string;
}

/** Runs a group of tests; what it prints is shown, or kept. */
export async function runGroup(group: Group, options: RunOptions): Promise<GroupRun> {
  const path = join(options.reports, group.name.replaceAll("/", "-"));
  const [report, output] = [`${path}.xml`, `${path}.txt`];
  const command = await testCommand(group, options, report);
  if (options.beside) console.log(`${group.name} prints to ${output} meanwhile`);
  const [program, ...args] = options.beside ? printingTo(output, command) : command;
  const child = new Deno.Command(program!, {
    args,
    clearEnv: true,
    env: testEnvironment(group, options),
    stdin: "null",
  }).spawn();
  const abort = () => child.kill("SIGKILL");
  if (options.signal.aborted) abort();
  else options.signal.addEventListener("abort", abort);
  const { success, signal } = await child.status;
  options.signal.removeEventListener("abort", abort);
  if (signal !== null) console.error(`\n${group.name} was ended by ${signal}`);
  const xml = await Deno.readTextFile(report).catch(() => undefined);
  const counts = countsOfRun(xml, success);
  const failures = failuresOfReport(xml ?? "");
  if (counts.failed > 0 && failures.length === 0) {
    failures.push({ test: "no test", text: "the process failed: see what it printed above" });
  }
  // Where the process was killed at once there is no file yet, as where all was shown.
  return { counts, failures, printed: await Deno.readTextFile(output).catch(() => "") };
}

async function testCommand(group: Group, options: RunOptions, report: string): Promise<string[]> {
  return [
    group.deno === "current" ? Deno.execPath() : await denoBinary(group.deno),
    "test",
    "--allow-all",
    // `deno task check` checks types, on the current Deno.
    "--no-check",
    `--junit-path=${report}`,
    ...versionArguments(group),
    ...(group.without ?? []).map((folder) => `--ignore=${join(TESTS, folder)}`),
    ...options.passedOn,
    ...group.paths.map((path) => join(TESTS, path)),
  ];
}

/**
 * A command that prints into a file. Not into a pipe: whatever the tests left behind could hold it
 * open, and nobody would see the end of it.
 */
function printingTo(path: string, command: readonly string[]): string[] {
  return ["sh", "-c", 'output=$1; shift; exec "$@" > "$output" 2>&1', "sh", path, ...command];
}

function testEnvironment(group: Group, options: RunOptions): Record<string, string> {
  const { stackUrl, environment } = options;
  // `deno task` notes there where it was called, and a test that calls a task would pass it on.
  const { INIT_CWD: _, ...inherited } = Deno.env.toObject();
  return {
    ...inherited,
    // Deno 2.1.4 trusts only its built-in authorities unless told otherwise.
    DENO_TLS_CA_STORE: "mozilla,system",
    ...(group.deno !== "current" && denoDirectory(group.deno)),
    ...group.environment,
    ...environment,
    ...(stackUrl !== undefined && { [STACK_URL_VARIABLE]: stackUrl }),
  };
}

function versionArguments(group: Group): string[] {
  if (group.deno === "current" || group.deno === CURRENT_DENO) {
    return ["--sanitize-ops", "--sanitize-resources"];
  }
  // Deno 2.1.4 has the sanitizers on and no option for them, and cannot read this lock file.
  return ["--no-lock", "--node-modules-dir=none"];
}
