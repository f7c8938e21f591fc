import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { INVARIANTS } from "../../simulation/invariants.ts";
import { SCENARIOS } from "../../simulation/scenarios/mod.ts";
import { edited, findFile, MutantError } from "../../mutants/apply.ts";
import { MUTANTS } from "../../mutants/mod.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

for (const [name, mutant] of Object.entries(MUTANTS)) {
  Deno.test(`the mutant ${name} applies to the current files`, async () => {
    const texts = new Map<string, string>();
    for (const edit of mutant.edits) {
      const path = await findFile(ROOT, edit.file);
      texts.set(path, edited(texts.get(path) ?? await Deno.readTextFile(path), edit));
    }
    for (const promise of mutant.violates) assert.ok(promise in INVARIANTS);
    for (const name of mutant.scenarios) assert.ok(SCENARIOS.some((it) => it.name === name));
  });
}

Deno.test("an edit whose text is missing or occurs twice is refused", () => {
  const edit = { file: "a.ts", find: "one", replace: "$& two" };
  assert.equal(edited("one", edit), "$& two");
  assert.throws(() => edited("none at all", { ...edit, find: "two" }), MutantError);
  assert.throws(() => edited("one one", edit), MutantError);
});
