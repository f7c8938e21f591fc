import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The result of a run of the CLI. */
export interface CliResult {
  code: number;
  stdout: string;
  /** Progress messages and errors. */
  stderr: string;
}

/**
 * Runs the Supabase CLI that deno.json pins, isolated from the machine: without the user's
 * settings, credentials and keyring, without telemetry and without the check for updates. 2.117.0
 * sends telemetry on every command unless SUPABASE_TELEMETRY_DISABLED is set.
 *
 * @param home a folder for the files that the CLI keeps
 * @param environment additional environment variables
 */
export async function runSupabase(
  args: string[],
  home: string,
  environment: Record<string, string> = {},
): Promise<CliResult> {
  const output = await new Deno.Command(findBinary(), {
    args,
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: home,
      TMPDIR: home,
      NO_COLOR: "1",
      DO_NOT_TRACK: "1",
      SUPABASE_TELEMETRY_DISABLED: "1",
      SUPABASE_NO_UPDATE_NOTIFIER: "1",
      SUPABASE_NO_KEYRING: "1",
      ...environment,
    },
    cwd: home,
    stdin: "null",
  }).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  ) as [string, string];
  return { code: output.code, stdout, stderr };
}

/**
 * The path of the CLI's binary. The npm package's script spawns this binary. Without the script,
 * killing the child process ends the CLI.
 */
function findBinary(): string {
  const fromHere = createRequire(import.meta.url);
  const fromPackage = createRequire(fromHere.resolve("supabase/package.json"));
  const system = { linux: "linux", darwin: "darwin", windows: "windows" }[Deno.build.os as string];
  const machine = { x86_64: "x64", aarch64: "arm64" }[Deno.build.arch];
  for (const suffix of ["", "-musl"]) {
    const name = `@supabase/cli-${system}-${machine}${suffix}/package.json`;
    try {
      const executable = Deno.build.os === "windows" ? "supabase.exe" : "supabase";
      return join(dirname(fromPackage.resolve(name)), "bin", executable);
    } catch {
      // Try the package for the other C library. If both are missing, the error below is thrown.
    }
  }
  throw new Error(
    `the Supabase CLI of ${system}-${machine} is not installed: run deno install`,
  );
}
