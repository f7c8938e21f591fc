import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The Deno versions that run Edge Functions here. */
export type DenoVersion = "2.1.4" | "2.9.6";

/** The version that Supabase's Edge Runtime is compatible with. */
export const EDGE_RUNTIME_DENO: DenoVersion = "2.1.4";

/** The version that this repository uses for development. */
export const CURRENT_DENO: DenoVersion = "2.9.6";

const CACHE_DIRECTORY = fileURLToPath(new URL("../../.cache", import.meta.url));

/** Thrown if a Deno binary of the requested version is not available. */
export class DenoUnavailableError extends Error {
  readonly code = "deno_unavailable";
  override name = "DenoUnavailableError";
}

/** The fields of `Deno.build` that determine the npm package for a machine. */
export interface Platform {
  os: string;
  arch: string;
  /** `gnu`, `musl` or `msvc`; absent if a system has only one. */
  env?: string;
}

/**
 * The npm package with Deno's binary for a platform, as the optional dependencies of the
 * npm package `deno` name them.
 *
 * @throws {DenoUnavailableError} for a platform that Deno publishes no package for
 */
export function denoPackage(platform: Platform): string {
  const systems: Record<string, string> = { linux: "linux", darwin: "darwin", windows: "win32" };
  const architectures: Record<string, string> = { x86_64: "x64", aarch64: "arm64" };
  const system = systems[platform.os];
  const architecture = architectures[platform.arch];
  const musl = platform.os === "linux" && platform.env !== undefined && platform.env !== "gnu";
  if (system === undefined || architecture === undefined || musl) {
    const name = [platform.os, platform.arch, platform.env].filter(Boolean).join(" ");
    throw new DenoUnavailableError(`npm has no Deno for ${name}`);
  }
  return `@deno/${system}-${architecture}${system === "linux" ? "-glibc" : ""}`;
}

/**
 * The path of a Deno binary of exactly `version`. It is the running binary if that has the version.
 * Otherwise the binary is installed once from npm into the checkout's `.cache`. Concurrent
 * processes wait for the first installation.
 *
 * @throws {DenoUnavailableError} if npm has none for this platform, or cannot be reached
 */
export async function denoBinary(
  version: string,
  options: { cacheDirectory?: string; platform?: Platform } = {},
): Promise<string> {
  if (version === Deno.version.deno) return Deno.execPath();
  const packageName = denoPackage(options.platform ?? Deno.build);
  const cache = options.cacheDirectory ?? CACHE_DIRECTORY;
  const directory = join(cache, `deno-${version}`);
  const binary = binaryIn(directory, packageName);
  if (await isFile(binary)) return binary;

  await Deno.mkdir(cache, { recursive: true });
  // The system releases this lock when its process ends, so a killed run blocks no later run.
  using lock = await Deno.open(`${directory}.lock`, { create: true, write: true });
  await lock.lock(true);
  if (!await isFile(binary)) await install(packageName, version, directory);
  return binary;
}

/**
 * The variable that gives a version a separate module cache; empty for the running version. Each
 * version deletes and recreates what another version cached. With one shared cache, two versions in
 * parallel would load all modules again at every start.
 */
export function denoDirectory(version: string): { DENO_DIR?: string } {
  if (version === Deno.version.deno) return {};
  return { DENO_DIR: join(CACHE_DIRECTORY, `deno-${version}-modules`) };
}

/** Installs into a temporary folder and renames it, so that `directory` is always complete. */
async function install(packageName: string, version: string, directory: string): Promise<void> {
  const partial = `${directory}.partial`;
  await Deno.remove(partial, { recursive: true }).catch(ignoreNotFound);
  await Deno.mkdir(partial);
  const config = {
    nodeModulesDir: "auto",
    lock: false,
    imports: { deno: `npm:${packageName}@${version}` },
  };
  await Deno.writeTextFile(join(partial, "deno.json"), JSON.stringify(config));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["install"],
    cwd: partial,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) {
    const reason = new TextDecoder().decode(stderr).trim();
    throw new DenoUnavailableError(`could not install ${packageName}@${version}: ${reason}`);
  }
  if (Deno.build.os !== "windows") await Deno.chmod(binaryIn(partial, packageName), 0o755);
  await Deno.remove(directory, { recursive: true }).catch(ignoreNotFound);
  await Deno.rename(partial, directory);
}

function binaryIn(directory: string, packageName: string): string {
  const file = packageName.includes("win32") ? "deno.exe" : "deno";
  return join(directory, "node_modules", ...packageName.split("/"), file);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    ignoreNotFound(error);
    return false;
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
