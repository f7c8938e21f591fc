import assert from "node:assert/strict";
import {
  putDocument,
  putIfAbsent,
  putOwnDocument,
} from "../../../../../supabase/functions/_holdfast/repository/documents.ts";
import { MemoryStore } from "../../memory_store.ts";

Deno.test("a document is written, and written again with the same bytes after a lost response", async () => {
  const store = new MemoryStore();
  assert.equal(await putDocument(store, "a.json", "{}\n"), true);
  assert.equal(await putDocument(store, "a.json", "{}\n"), true);
  await putOwnDocument(store, "a.json", "{}\n");
  assert.equal(store.read("a.json"), "{}\n");
});

Deno.test("an existing document with other bytes is kept and reported", async () => {
  const store = new MemoryStore();
  for (const there of ["theirs", "{", "{} \n", ""]) {
    store.write("a.json", there);
    assert.equal(await putDocument(store, "a.json", "{}\n"), false);
    await assert.rejects(putOwnDocument(store, "a.json", "{}\n"), { code: "catalog_behind" });
    assert.equal(store.read("a.json"), there);
  }
});

Deno.test("a document that disappears between the two requests does not count as written", async () => {
  const store = new MemoryStore();
  store.put = () => Promise.resolve("exists");
  assert.equal(await putDocument(store, "a.json", "{}\n"), false);
});

Deno.test("an existing record is kept whether or not the server supports conditional writes", async () => {
  const store = new MemoryStore();
  store.conditional = false;
  assert.ok(await putIfAbsent(store, "log/1", "mine"));
  assert.ok(await putIfAbsent(store, "log/1", "mine"));
  assert.ok(!await putIfAbsent(store, "log/1", "another's"));
  assert.equal(store.read("log/1"), "mine");
});
