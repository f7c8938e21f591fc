import assert from "node:assert/strict";
import { GROUPS, selectGroups } from "../../run/groups.ts";

function names(...words: string[]): string[] {
  return selectGroups(words).map((group) => group.name);
}

Deno.test("no word stands for every group that is not on demand", () => {
  assert.deepEqual(names(), GROUPS.filter(({ onDemand }) => !onDemand).map(({ name }) => name));
  assert.ok(names().length < GROUPS.length);
});

Deno.test("a group on demand is run where its whole name is given", () => {
  assert.deepEqual(names("e2e-hosted-per_post"), ["e2e-hosted-per_post"]);
  assert.throws(() => selectGroups(["e2e-hosted"]), RangeError);
});

Deno.test("a word stands for the groups that begin with it, in their own order", () => {
  assert.deepEqual(names("e2e", "unit"), [
    "unit",
    "unit-2.1.4",
    "e2e-2.1.4-limits",
    "e2e-2.1.4",
    "e2e-2.9.6",
    "e2e-radosgw",
  ]);
  assert.deepEqual(names("conformance/s3"), ["conformance/s3-radosgw", "conformance/s3"]);
  assert.deepEqual(names("e2e-2", "e2e-2.1.4"), ["e2e-2.1.4-limits", "e2e-2.1.4", "e2e-2.9.6"]);
});

Deno.test("a word that stands for none is refused, and what there is is named", () => {
  assert.throws(() => selectGroups(["unti"]), /unti.*unit.*conformance\/s3/);
});

Deno.test("what one group leaves out of a folder, another one tells", () => {
  const endToEnd = GROUPS.filter(({ paths, onDemand }) => paths.includes("e2e") && !onDemand);
  const [first, ...others] = endToEnd.map(({ without }) => without ?? []);
  const leftByAll = first!.filter((path) =>
    others.every((left) => left.includes(path)) &&
    !GROUPS.some(({ paths, onDemand }) => paths.includes(path) && !onDemand)
  );
  assert.ok(others.length > 0);
  assert.deepEqual(leftByAll, []);
});
