import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { pathOccupied, unreadable } from "./errors.ts";

/**
 * SHA-256, in hex, of a text file's bytes with CR LF read as LF. Git on Windows converts the line
 * ends of a checkout, and such a file must not count as edited.
 */
export function hashText(bytes: Uint8Array): string {
  const hash = createHash("sha256");
  let from = 0;
  for (let at = bytes.indexOf(13); at !== -1; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] !== 10) continue;
    hash.update(bytes.subarray(from, at));
    from = at + 1;
  }
  return hash.update(bytes.subarray(from)).digest("hex");
}

/** Whether two files hold the same bytes. */
export function sameBytes(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/**
 * The bytes of a file; undefined if it does not exist.
 *
 * @throws AddError `path_occupied` if the path is not a file, or if a file is at the path of one
 * of its folders should be; `unreadable` if it cannot be read
 */
export async function readIfPresent(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.IsADirectory) {
      throw pathOccupied(path, "is a folder, and a file belongs there");
    }
    if (error instanceof Deno.errors.NotADirectory) {
      throw pathOccupied(path, "cannot be there, for one of its folders is a file");
    }
    throw unreadable(path, error);
  }
}

/** Replaces a file atomically by a rename. It creates missing folders and keeps the permissions. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const target = await realPathOr(path);
  const temporary = join(
    dirname(target),
    `.${basename(target)}.${crypto.randomUUID().slice(0, 8)}`,
  );
  try {
    await Deno.writeFile(temporary, bytes, { createNew: true });
    const mode = await modeOf(target);
    if (mode !== null) await Deno.chmod(temporary, mode & 0o777);
    await Deno.rename(temporary, target);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** Removes a file, and its parent folders below `top` if they are then empty. */
export async function removeFile(path: string, top: string): Promise<void> {
  await Deno.remove(path);
  for (let folder = dirname(path); folder.length > top.length; folder = dirname(folder)) {
    try {
      await Deno.remove(folder);
    } catch {
      return; // Not empty: the folder holds files of the user.
    }
  }
}

/** Resolves symbolic links: a rename over a link would replace the link, not its target. */
async function realPathOr(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch {
    return path;
  }
}

async function modeOf(path: string): Promise<number | null> {
  try {
    return Deno.build.os === "windows" ? null : (await Deno.stat(path)).mode;
  } catch {
    return null;
  }
}
