import { join } from "node:path";

/** A file on this machine. */
export interface LocalFile {
  readonly path: string;
  /** Its path below the folder that was walked, with slashes. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** The result of a walk. */
export interface Walk {
  readonly files: LocalFile[];
  /** Number of links, sockets and other special files, which are skipped. */
  special: number;
  /** Number of files and folders that the process may not read. */
  unreadable: number;
}

/**
 * Lists every regular file below a folder, sorted by name. It does not follow links: a link to a
 * parent folder would make the walk endless.
 *
 * @param enter decides by name whether to walk a subfolder
 * @throws the file system's error if the folder itself can't be read
 */
export async function walkFolder(
  folder: string,
  enter: (name: string) => boolean = () => true,
): Promise<Walk> {
  const walk: Walk = { files: [], special: 0, unreadable: 0 };
  await walkInto(folder, "", walk, enter);
  return walk;
}

async function walkInto(
  folder: string,
  prefix: string,
  walk: Walk,
  enter: (name: string) => boolean,
): Promise<void> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  entries.sort((one, other) => one.name < other.name ? -1 : 1);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const name = prefix + entry.name;
    if (entry.isDirectory) {
      if (enter(name)) await passOver(walk, () => walkInto(path, `${name}/`, walk, enter));
    } else if (entry.isFile) {
      await passOver(walk, async () => {
        const file = { path, name, size: await readableSize(path) };
        walk.files.push(file);
      });
    } else walk.special += 1;
  }
}

async function passOver(walk: Walk, visit: () => Promise<void>): Promise<void> {
  try {
    await visit();
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    walk.unreadable += 1;
  }
}

/** Size of a file. It opens the file, because a file that can be listed may still be unreadable. */
async function readableSize(path: string): Promise<number> {
  using file = await Deno.open(path);
  return (await file.stat()).size;
}

/** Whether an error means that a file or folder is not readable or no longer exists. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.NotFound;
}
