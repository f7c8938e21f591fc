import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GROUPS, selectGroups } from "../../run/groups.ts";

const TESTS = fileURLToPath(new URL("../../", import.meta.url));

function names(...words: string[]): string[] {
  return selectGroups(words).map((group) => group.name);
}

Deno.test("without arguments every group except the nightly ones is selected", () => {
  assert.deepEqual(names(), GROUPS.filter(({ nightly }) => !nightly).map(({ name }) => name));
  assert.ok(names().length < GROUPS.length);
});

Deno.test("for a nightly run every group is selected", () => {
  assert.deepEqual(selectGroups([], { nightly: true }), GROUPS);
});

Deno.test("a nightly group is selected by its full name", () => {
  assert.deepEqual(names("processes-hosted-per_post"), ["processes-hosted-per_post"]);
  assert.throws(() => selectGroups(["processes-hosted"]), RangeError);
});

Deno.test("a word selects the groups whose names begin with it, in their own order", () => {
  assert.deepEqual(names("platform", "unit"), [
    "unit",
    "unit-2.1.4",
    "platform",
    "platform-limits",
    "platform-radosgw",
  ]);
  assert.deepEqual(names("logic"), ["logic"]);
});

Deno.test("a word that matches no group is refused, and the groups are listed", () => {
  assert.throws(() => selectGroups(["unti"]), /unti.*unit.*conformance/);
});

Deno.test("every test file is in a group that is not nightly", async () => {
  const run = GROUPS.filter(({ nightly }) => !nightly);
  const missed = [];
  for await (const path of testFiles("")) {
    const isIn = (folders: readonly string[]) =>
      folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
    if (!run.some(({ paths, without = [] }) => isIn(paths) && !isIn(without))) missed.push(path);
  }
  assert.deepEqual(missed, []);
});

/** The paths of all test files, below tests/. */
async function* testFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(TESTS, folder))) {
    const path = join(folder, name);
    if (isDirectory) yield* testFiles(path);
    else if (/[._]test\.ts$/.test(name)) yield path;
  }
}
