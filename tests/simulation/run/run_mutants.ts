import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { applyEdits } from "../../mutants/apply.ts";
import { MUTANTS } from "../../mutants/mod.ts";
import type { Mutant } from "../../mutants/mutant.ts";
import { copyFolder } from "../environment/saved_state.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What a copy of the tree needs to run this command. */
const COPIED_FOLDERS = ["supabase", "tests"];
const COPIED_FILES = ["deno.json", "deno.lock"];
/** So many seeds have the chance to find a bug. */
const SEEDS = "60";

/** What a run over a tree with a bug in it came to. */
export interface Hunt {
  readonly caught: boolean;
  readonly output: string;
}

/** Plants bugs, one after the other, each in a copy of the tree; whether all were caught. */
export async function runMutants(names: readonly string[]): Promise<boolean> {
  let caught = 0;
  for (const name of names) {
    const mutant = MUTANTS[name]!;
    const begun = performance.now();
    const hunt = await huntFor(mutant);
    const seconds = Math.round((performance.now() - begun) / 1000);
    if (hunt.caught) caught += 1;
    else console.log(hunt.output);
    const how = hunt.output.split("\n").find((line) => line.startsWith("BROKEN ")) ?? "nothing";
    console.log(`${hunt.caught ? "caught" : "MISSED"} ${name} in ${seconds} s: ${how}`);
  }
  console.log(`${names.length} mutants, ${caught} caught`);
  return caught === names.length;
}

/**
 * Has the command itself run over a copy of the tree with one bug in it. It must fail, and name a
 * promise that the bug breaks.
 */
async function huntFor(mutant: Mutant): Promise<Hunt> {
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
    const named = mutant.breaks.some((promise) => output.includes(`BROKEN ${promise}:`));
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
