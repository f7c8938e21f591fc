import { join } from "node:path";

/** Everything that there is at one moment, at rest. */
export interface SavedState {
  /** The name under which each project's database keeps its rows. */
  readonly id: string;
  /** The names of the projects that it has; others are as they were made. */
  readonly projects: readonly string[];
  /** `s3`, and a folder with Storage's bytes for each project, by its name. */
  readonly folder: string;
}

/** Copies a folder with all that is in it; one that is not there is taken for an empty one. */
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
