import { join } from "node:path";
import { AddError, reasonOf } from "./errors.ts";
import { readIfPresent, removeFile, replaceFile, sameBytes } from "./files.ts";
import type { Change } from "./plan.ts";

/** The two operations by which `add` changes a file. Each is atomic. */
export interface Writer {
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file, and its parent folders below `top` if they are then empty. */
  remove(path: string, top: string): Promise<void>;
}

/** Writes to the file system. */
export const fileWriter: Writer = { replace: replaceFile, remove: removeFile };

/**
 * Applies the changes in order. Each file is replaced atomically, and the lock file is written
 * last. If `add` stops before the end, running the same command again completes it.
 *
 * @throws AddError `changed_meanwhile` if a file changed since the plan (nothing is written);
 * `write_failed`
 */
export async function applyChanges(
  supabase: string,
  changes: Change[],
  writer: Writer,
): Promise<void> {
  for (const { path, before } of changes) {
    if (!sameBytes(await readIfPresent(join(supabase, path)), before)) {
      throw new AddError(
        "changed_meanwhile",
        `supabase/${path} changed since it was shown. Nothing was written.\nRun this again.`,
      );
    }
  }
  for (const { path, after } of changes) {
    const file = join(supabase, path);
    try {
      if (after === undefined) await writer.remove(file, join(supabase, "functions"));
      else await writer.replace(file, after);
    } catch (error) {
      throw new AddError(
        "write_failed",
        `${file} could not be written: ${reasonOf(error)}.\n` +
          "What came before it is there. Repair this and run the same command: it completes the rest.",
      );
    }
  }
}
