import { join } from "node:path";
import type { Bench } from "../bench.ts";

/** A function without work: the cost of its process is that of Deno and the runner. */
export const EMPTY = "empty";

/** Creates a folder of functions with only the empty function. */
export async function makeEmptyFunction(bench: Bench): Promise<string> {
  const workspace = await bench.workspace;
  const directory = await workspace.makeFolder("functions");
  await workspace.makeFolder(join("functions", EMPTY));
  await Deno.writeTextFile(join(directory, EMPTY, "deno.json"), "{}\n");
  const module = 'Deno.serve(() => new Response("empty"));\n';
  await Deno.writeTextFile(join(directory, EMPTY, "index.ts"), module);
  return directory;
}
