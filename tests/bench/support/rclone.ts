import type { Bench } from "../bench.ts";
import type { Target } from "./target.ts";

/** The time and CPU of one run of rclone. */
export interface RcloneUse {
  /** User and system time of all its threads, milliseconds. */
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** The version of the installed rclone, `v1.60.1` for example; undefined if it is not installed. */
export async function rcloneVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command("rclone", { args: ["version"] }).output();
    return /v\d+\.\d+\.\d+/.exec(new TextDecoder().decode(stdout))?.[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Runs `rclone <command> from to` between two locations of the target, `bucket/prefix` each, with
 * rclone's defaults.
 *
 * @throws Error with its output if it fails
 */
export async function runRclone(
  bench: Bench,
  target: Target,
  command: "copy" | "sync",
  from: string,
  to: string,
): Promise<RcloneUse> {
  const began = performance.now();
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    // The shell reports the CPU of its children; Deno does not.
    args: ["-c", '"$@" || exit 1; times', "sh", "rclone", command, `from:${from}`, `to:${to}`],
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: (await bench.workspace).path,
      RCLONE_CONFIG: "/dev/null",
      RCLONE_CA_CERT: await bench.certificateFile(),
      ...remote("FROM", target),
      ...remote("TO", target),
    },
  }).output();
  const wallMs = performance.now() - began;
  const text = new TextDecoder();
  if (!success) throw new Error(`rclone: ${text.decode(stderr)}`);
  // The second line is the children's: `0m1.230000s 0m0.310000s`.
  const used = text.decode(stdout).trim().split("\n").at(-1) ?? "";
  const times = [...used.matchAll(/(\d+)m([\d.]+)s/g)];
  const cpuMs = times.reduce((sum, [, m, s]) => sum + (Number(m) * 60 + Number(s)) * 1000, 0);
  return { cpuMs, wallMs };
}

/** A remote by variables. Two remotes are needed: within one, rclone uses server-side copies. */
function remote(name: string, target: Target): Record<string, string> {
  return {
    [`RCLONE_CONFIG_${name}_TYPE`]: "s3",
    [`RCLONE_CONFIG_${name}_PROVIDER`]: "Other",
    [`RCLONE_CONFIG_${name}_ENDPOINT`]: target.endpoint,
    [`RCLONE_CONFIG_${name}_REGION`]: target.region,
    [`RCLONE_CONFIG_${name}_ACCESS_KEY_ID`]: target.accessKeyId,
    [`RCLONE_CONFIG_${name}_SECRET_ACCESS_KEY`]: target.secretAccessKey,
  };
}
