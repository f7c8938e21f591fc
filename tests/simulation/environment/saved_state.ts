import { join } from "node:path";

/** The state of all projects and the repository while no worker was active. */
export interface SavedState {
  /** The name under which each project's database saved its rows. */
  readonly id: string;
  /** The names of its projects. All others have their initial state. */
  readonly projects: readonly string[];
  /** Contains `s3`, and for each project a folder with Storage's bytes under its name. */
  readonly folder: string;
}

/** Copies a folder with its contents. A missing folder counts as empty. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  try {
    for await (const entry of Deno.readDir(from)) {
      const [source, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory) await copyFolder(source, target);
      else await Deno.copyFile(source, target);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
