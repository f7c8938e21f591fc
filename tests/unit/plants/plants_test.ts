import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROMISES } from "../../faults/promises.ts";
import { SCENARIOS } from "../../faults/scenarios/mod.ts";
import { edited, findFile, PlantError } from "../../plants/apply.ts";
import { PLANTS } from "../../plants/mod.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

for (const [name, plant] of Object.entries(PLANTS)) {
  Deno.test(`the deliberate bug ${name} fits the tree as it is`, async () => {
    const texts = new Map<string, string>();
    for (const edit of plant.edits) {
      const path = await findFile(ROOT, edit.file);
      texts.set(path, edited(texts.get(path) ?? await Deno.readTextFile(path), edit));
    }
    for (const promise of plant.breaks) assert.ok(promise in PROMISES);
    for (const name of plant.scenarios) assert.ok(SCENARIOS.some((it) => it.name === name));
  });
}

Deno.test("an edit whose text is not there, or there twice, is refused", () => {
  const edit = { file: "a.ts", find: "one", replace: "$& two" };
  assert.equal(edited("one", edit), "$& two");
  assert.throws(() => edited("none at all", { ...edit, find: "two" }), PlantError);
  assert.throws(() => edited("one one", edit), PlantError);
});
