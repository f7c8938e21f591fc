import assert from "node:assert/strict";
import { Namer, storageName } from "../../../demo/names.ts";
import { madeObjects, ODD_CHARACTERS } from "../../../demo/generated_objects.ts";

Deno.test("a name with legal characters is kept, and each other character becomes an underscore", () => {
  assert.equal(storageName(`a/b c/${ODD_CHARACTERS}.txt`), `a/b c/${ODD_CHARACTERS}.txt`);
  assert.equal(storageName("Über/日本 😀#%~.png"), "_ber/__ ____.png");
});

Deno.test("two files never get the same name, and changed names are counted", () => {
  const namer = new Namer(["taken.txt"]);
  assert.equal(namer.name("a#.txt"), "a_.txt");
  assert.equal(namer.name("a_.txt"), "a_-2.txt");
  assert.equal(namer.name("a~.txt"), "a_-3.txt");
  assert.equal(namer.name("taken.txt"), "taken-2.txt");
  assert.equal(namer.name("b/.hidden"), "b/.hidden");
  assert.equal(namer.name("b/.hidden"), "b/.hidden-2");
  assert.equal(namer.name("x.y/plain"), "x.y/plain");
  assert.equal(namer.renamed, 5);
});

Deno.test("a name that is too long for Storage is refused and counted", () => {
  const namer = new Namer();
  assert.equal(namer.name("a".repeat(901)), undefined);
  assert.equal(namer.name("a".repeat(900)), "a".repeat(900));
  assert.equal(namer.refused, 1);
  assert.equal(namer.renamed, 0);
});

Deno.test("the generated objects have legal names, every special character, and cases that real files lack", () => {
  const objects = madeObjects();
  const names = objects.map((object) => object.name);
  for (const name of names) assert.equal(storageName(name), name);
  for (const character of ODD_CHARACTERS) {
    assert.ok(names.some((name) => name.includes(`a${character}b`)), character);
  }
  assert.equal(new Set(objects.map(({ bucket, name }) => `${bucket}/${name}`)).size, names.length);
  assert.ok(objects.some((object) => object.size === 0));
  assert.ok(names.some((name) => name.endsWith("/.emptyFolderPlaceholder")));
  assert.ok(objects.some((object) => object.size > 2 * 8 * 1024 * 1024));
  assert.ok(objects.some((object) => object.owner !== undefined));
  assert.ok(objects.some((object) => object.userMetadata !== undefined));
});

Deno.test("the generated objects have their stated size", async () => {
  for (const object of madeObjects()) {
    assert.equal((await object.read()).length, object.size, object.name);
  }
});
