import assert from "node:assert/strict";
import { planChanges } from "../../../demo/changes.ts";
import { madeObjects } from "../../../demo/generated_objects.ts";
import { locationOf } from "../../../demo/objects.ts";
import { findUnexpected, type Touched } from "../../../demo/touched.ts";

const changes = planChanges(madeObjects());

/** The requests of a backup that touches only changed objects. */
function ideal(): Touched {
  return {
    puts: changes.flatMap((change) => change.puts),
    removes: changes.flatMap((change) => change.removes),
    reads: changes.flatMap((change) => change.reads),
    written: changes.flatMap((change) => change.reads).length,
  };
}

Deno.test("there is one change of each kind, each of another existing object", () => {
  assert.deepEqual(changes.map((change) => change.word), [
    "overwrite",
    "move",
    "delete",
    "metadata",
    "copy",
    "upload",
  ]);
  assert.equal(new Set(changes.map((change) => change.location)).size, changes.length);
  const locations = new Set(madeObjects().map(locationOf));
  for (const { word, location } of changes) {
    assert.equal(locations.has(location), word !== "upload", location);
  }
});

Deno.test("a backup that touched only the changed objects passes", () => {
  assert.deepEqual(findUnexpected(ideal(), changes), []);
});

Deno.test("a backup with other reads, listings, writes or omissions fails, and each is named", () => {
  const good = ideal();
  const unexpected = (other: Partial<Touched>) => findUnexpected({ ...good, ...other }, changes);
  assert.deepEqual(unexpected({ reads: [...good.reads, "site/x"] }), [
    '"site/x" was read from Storage by the second backup',
  ]);
  assert.deepEqual(unexpected({ reads: [...good.reads, good.reads[0]!] }).length, 1);
  assert.match(unexpected({ puts: good.puts.slice(1) })[0]!, /was not listed anew/);
  assert.match(unexpected({ removes: ["site/y", ...good.removes] })[0]!, /"site\/y" was no longer/);
  assert.match(unexpected({ written: 4 })[0]!, /wrote 4 keys of bytes, not 3/);
});
