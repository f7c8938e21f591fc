import assert from "node:assert/strict";
import { planChanges } from "../../../../tools/demo/changes.ts";
import { madeObjects } from "../../../../tools/demo/made_objects.ts";
import { placeOf } from "../../../../tools/demo/objects.ts";
import { type Touched, untowardOf } from "../../../../tools/demo/touched.ts";

const changes = planChanges(madeObjects());

/** What a backup does that touches just what had changed. */
function ideal(): Touched {
  return {
    puts: changes.flatMap((change) => change.puts),
    removes: changes.flatMap((change) => change.removes),
    reads: changes.flatMap((change) => change.reads),
    written: changes.flatMap((change) => change.reads).length,
  };
}

Deno.test("there is one change of each kind, each of another object that is there", () => {
  assert.deepEqual(changes.map((change) => change.word), [
    "overwrite",
    "move",
    "delete",
    "metadata",
    "copy",
    "upload",
  ]);
  assert.equal(new Set(changes.map((change) => change.place)).size, changes.length);
  const places = new Set(madeObjects().map(placeOf));
  for (const { word, place } of changes) assert.equal(places.has(place), word !== "upload", place);
});

Deno.test("a backup that touched just the changes is found good", () => {
  assert.deepEqual(untowardOf(ideal(), changes), []);
});

Deno.test("one that read, listed, forgot or wrote anything else is not, by name", () => {
  const good = ideal();
  const untoward = (other: Partial<Touched>) => untowardOf({ ...good, ...other }, changes);
  assert.deepEqual(untoward({ reads: [...good.reads, "site/x"] }), [
    '"site/x" was read from Storage by the second backup',
  ]);
  assert.deepEqual(untoward({ reads: [...good.reads, good.reads[0]!] }).length, 1);
  assert.match(untoward({ puts: good.puts.slice(1) })[0]!, /was not listed anew/);
  assert.match(untoward({ removes: ["site/y", ...good.removes] })[0]!, /"site\/y" was no longer/);
  assert.match(untoward({ written: 4 })[0]!, /wrote 4 keys of bytes, not 3/);
});
