import { join } from "node:path";
import { AddError, reasonOf } from "./errors.ts";
import { readIfPresent, removeFile, replaceFile, sameBytes } from "./files.ts";
import type { Change } from "./plan.ts";

/** The two ways in which `add` changes a file, each whole or not at all. */
export interface Writer {
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Also removes the folders that it leaves empty, up to but not including `top`. */
  remove(path: string, top: string): Promise<void>;
}

/** Writes to the file system. */
export const fileWriter: Writer = { replace: replaceFile, remove: removeFile };

/**
 * Makes the changes in their order. Each file is whole at any time, and the lock file is the last:
 * where this stops half-way, the same command completes it.
 *
 * @throws AddError `changed_meanwhile`, with nothing written; `write_failed`
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
