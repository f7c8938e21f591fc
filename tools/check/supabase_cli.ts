import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What a run of the CLI came to. */
export interface CliResult {
  code: number;
  stdout: string;
  /** Progress and errors. */
  stderr: string;
}

/**
 * Runs the Supabase CLI that deno.json pins. It is told nothing of the machine and nobody else: no
 * settings, no credentials, no keyring, no telemetry (2.117.0 sends some on every command unless
 * SUPABASE_TELEMETRY_DISABLED is set) and no look for updates.
 *
 * @param home a folder for what it writes beside its results
 * @param environment further variables
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
 * The npm package is a script that spawns the binary of another package. Without the script in
 * between, ending the process that we started ends the CLI.
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
      // The other C library's; where neither is there, the error below says so.
    }
  }
  throw new Error(
    `the Supabase CLI of ${system}-${machine} is not installed: run deno install`,
  );
}
