import { DemoError } from "./errors.ts";
import { isUnreadable, type LocalFile, walkFolder } from "./local_files.ts";

/** Larger files are skipped: the demo's independent reader holds a complete object in memory. */
export const LARGEST_FILE_BYTES = 256 * 1024 * 1024;

/** The usable files of a folder, and the numbers of skipped ones. */
export interface FolderFiles {
  readonly files: readonly LocalFile[];
  readonly tooLarge: number;
  readonly special: number;
  readonly unreadable: number;
}

/**
 * Reads the files of the folder that `--files` names.
 *
 * @throws DemoError with exit status 2: `files_missing`, `files_not_a_folder`, `files_unreadable`
 * or, if no file is usable, `files_empty`
 */
export async function readFolderFiles(folder: string): Promise<FolderFiles> {
  await assertFolder(folder);
  try {
    const { files, special, unreadable } = await walkFolder(folder);
    const usable = files.filter((file) => file.size <= LARGEST_FILE_BYTES);
    const found = { files: usable, tooLarge: files.length - usable.length, special, unreadable };
    if (usable.length > 0) return found;
    throw refusal("files_empty", `${folder} has no file that the demo can use${whyEmpty(found)}`);
  } catch (error) {
    if (isUnreadable(error)) throw refusal("files_unreadable", `${folder} may not be read`);
    throw error;
  }
}

async function assertFolder(folder: string): Promise<void> {
  try {
    if ((await Deno.stat(folder)).isDirectory) return;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw refusal("files_missing", `there is no folder ${folder}`);
    }
    if (isUnreadable(error)) throw refusal("files_unreadable", `${folder} may not be read`);
    if (!(error instanceof Deno.errors.NotADirectory)) throw error;
  }
  throw refusal("files_not_a_folder", `${folder} is not a folder`);
}

function whyEmpty({ tooLarge, special, unreadable }: FolderFiles): string {
  const reasons = [
    tooLarge > 0 && `${tooLarge} above 256 MiB`,
    unreadable > 0 && `${unreadable} that may not be read`,
    special > 0 && `${special} that are links or no files`,
  ].filter((reason) => reason !== false);
  return reasons.length > 0 ? `, only ${reasons.join(", ")}` : "";
}

function refusal(code: string, message: string): DemoError {
  return new DemoError(code, `--files: ${message}.`, 2);
}
