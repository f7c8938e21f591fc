import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { STACK_URL_VARIABLE } from "../../stack/client.ts";
import { CURRENT_DENO, denoBinary, denoDirectory } from "../../stack/process/deno_versions.ts";
import { type Counts, countsOfRun } from "./counts.ts";
import { type Failure, failuresOfReport } from "./failures.ts";
import { type Group, NIGHTLY_VARIABLE } from "./groups.ts";

const TESTS = fileURLToPath(new URL("../", import.meta.url));

/** Options for a run of a group. */
export interface RunGroupOptions {
  stackUrl: string | undefined;
  /** Additional variables, such as the location of an external part. */
  environment: Record<string, string>;
  /** A folder for the report, which is deleted with the folder. */
  reports: string;
  /** Additional arguments for `deno test`. */
  passedOn: readonly string[];
  nightly: boolean;
  /** Ends the tests at once. */
  signal: AbortSignal;
}

/** The result of a group. */
export interface GroupRun {
  counts: Counts;
  failures: Failure[];
}

/** Runs a group of tests. */
export async function runGroup(group: Group, options: RunGroupOptions): Promise<GroupRun> {
  const report = join(options.reports, `${group.name}.xml`);
  const [program, ...args] = await testCommand(group, options, report);
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
  return { counts, failures };
}

async function testCommand(
  group: Group,
  options: RunGroupOptions,
  report: string,
): Promise<string[]> {
  return [
    group.deno === "current" ? Deno.execPath() : await denoBinary(group.deno),
    "test",
    "--allow-all",
    // `deno task check` checks types, on the current Deno.
    "--no-check",
    ...(group.parallel ? ["--parallel"] : []),
    `--junit-path=${report}`,
    ...versionArguments(group),
    ...(group.without ?? []).map((folder) => `--ignore=${join(TESTS, folder)}`),
    ...options.passedOn,
    ...group.paths.map((path) => join(TESTS, path)),
  ];
}

function testEnvironment(group: Group, options: RunGroupOptions): Record<string, string> {
  const { stackUrl, environment, nightly } = options;
  // `deno task` sets this variable to the caller's folder. A test that calls a task would inherit
  // it.
  const { INIT_CWD: _, ...inherited } = Deno.env.toObject();
  return {
    ...inherited,
    // By default, Deno 2.1.4 trusts only its built-in authorities.
    DENO_TLS_CA_STORE: "mozilla,system",
    ...(group.deno !== "current" && denoDirectory(group.deno)),
    ...group.environment,
    ...environment,
    ...(nightly && { [NIGHTLY_VARIABLE]: "true" }),
    ...(stackUrl !== undefined && { [STACK_URL_VARIABLE]: stackUrl }),
  };
}

function versionArguments(group: Group): string[] {
  if (group.deno === "current" || group.deno === CURRENT_DENO) {
    return ["--sanitize-ops", "--sanitize-resources"];
  }
  // Deno 2.1.4 has the sanitizers on without an option for them, and cannot read this lock file.
  return ["--no-lock", "--node-modules-dir=none"];
}
