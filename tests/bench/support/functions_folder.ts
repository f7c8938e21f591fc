import { join } from "node:path";
import type { Bench } from "../bench.ts";

/** A function that does nothing: what its process costs is Deno's and the runner's. */
export const EMPTY = "empty";

/** Makes a folder of functions that holds the empty one alone. */
export async function makeEmptyFunction(bench: Bench): Promise<string> {
  const workspace = await bench.workspace;
  const directory = await workspace.makeFolder("functions");
  await workspace.makeFolder(join("functions", EMPTY));
  await Deno.writeTextFile(join(directory, EMPTY, "deno.json"), "{}\n");
  const module = 'Deno.serve(() => new Response("empty"));\n';
  await Deno.writeTextFile(join(directory, EMPTY, "index.ts"), module);
  return directory;
}
