import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { applyEdits } from "../../mutants/apply.ts";
import { MUTANTS } from "../../mutants/mod.ts";
import type { Mutant } from "../../mutants/mutant.ts";
import { copyFolder } from "../environment/saved_state.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** The folders of the copy in which this command runs. */
const COPIED_FOLDERS = ["stack", "supabase", "tests"];
const COPIED_FILES = ["deno.json", "deno.lock"];
/** Number of seeds that may find a mutant. */
const SEEDS = "60";

/** The outcome of a run on a mutated tree. */
export interface MutantRun {
  readonly caught: boolean;
  readonly output: string;
}

/**
 * Applies mutants, one after the other, each to its own copy of the tree. Returns whether all were
 * caught.
 */
export async function runMutants(names: readonly string[]): Promise<boolean> {
  let caught = 0;
  for (const name of names) {
    const mutant = MUTANTS[name]!;
    const begun = performance.now();
    const result = await runMutant(mutant);
    const seconds = Math.round((performance.now() - begun) / 1000);
    if (result.caught) caught += 1;
    else console.log(result.output);
    const how = result.output.split("\n").find((line) => line.startsWith("BROKEN ")) ?? "nothing";
    console.log(`${result.caught ? "caught" : "MISSED"} ${name} in ${seconds} s: ${how}`);
  }
  console.log(`${names.length} mutants, ${caught} caught`);
  return caught === names.length;
}

/**
 * Runs this command on a copy of the tree with one mutant applied. It must fail and name an invariant
 * that the mutant violates.
 */
async function runMutant(mutant: Mutant): Promise<MutantRun> {
  const copy = await Deno.makeTempDir({ prefix: "holdfast-mutant-" });
  try {
    await copyTree(copy);
    await applyEdits(copy, mutant.edits);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--no-check",
        join(copy, "tests/simulation/main.ts"),
        ...mutant.scenarios.flatMap((scenario) => ["--scenario", scenario]),
        ...["--seeds", SEEDS, "--seed", "0", "--fail-fast"],
      ],
      cwd: copy,
      stdin: "null",
    }).output();
    const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    const named = mutant.violates.some((promise) => output.includes(`BROKEN ${promise}:`));
    return { caught: !success && named, output };
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

async function copyTree(copy: string): Promise<void> {
  for (const folder of COPIED_FOLDERS) await copyFolder(join(ROOT, folder), join(copy, folder));
  for (const file of COPIED_FILES) await Deno.copyFile(join(ROOT, file), join(copy, file));
  await Deno.symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
}
