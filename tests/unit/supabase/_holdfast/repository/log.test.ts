import assert from "node:assert/strict";
import { logKey } from "../../../../../supabase/functions/_holdfast/repository/keys.ts";
import {
  readNewRecords,
  readRecords,
} from "../../../../../supabase/functions/_holdfast/repository/log.ts";
import type { MemoryStore } from "../../memory_store.ts";
import { record, storeWithLog, withoutNewest } from "./log_store.ts";

async function sequences(store: MemoryStore, last: number): Promise<number[]> {
  return (await readRecords(store, last)).map((found) => found.sequence);
}

const damaged = { code: "repository_damaged" };

Deno.test("the records after the last known one are read in order", async () => {
  const store = storeWithLog(1, 2, 5, 10, 11);
  assert.deepEqual(await sequences(store, 0), [1, 2, 5, 10, 11]);
  assert.deepEqual(await sequences(store, 2), [5, 10, 11]);
  assert.deepEqual(await sequences(store, 11), []);
  assert.deepEqual(await sequences(storeWithLog(), 0), []);
});

Deno.test("a log of several pages is read completely", async () => {
  const all = Array.from({ length: 25 }, (_, index) => index + 1);
  const store = storeWithLog(...all);
  store.pageKeys = 10;
  assert.deepEqual(await sequences(store, 0), all);
  assert.deepEqual(await sequences(store, 10), all.slice(10));
});

Deno.test("a log that lacks the last known record was rolled back", async () => {
  for (const store of [storeWithLog(), storeWithLog(1, 2), storeWithLog(1, 2, 4)]) {
    await assert.rejects(readRecords(store, 3), { code: "catalog_ahead" });
  }
});

Deno.test("other keys in the log's folder are ignored, even a full page of them", async () => {
  const store = storeWithLog(1, 2, 3);
  for (let index = 0; index < 10; index++) store.write(`log/!${index}`, "orphaned");
  store.write(`${logKey(2)}.bak`, "orphaned");
  store.write("log/zzz.json", "orphaned");
  store.pageKeys = 4;
  assert.deepEqual(await sequences(store, 0), [1, 2, 3]);
  assert.deepEqual(await sequences(store, 2), [3]);
});

Deno.test("a record whose sequence differs from its key is damage", async () => {
  const store = storeWithLog(1);
  store.write(logKey(2), record(3));
  await assert.rejects(readRecords(store, 0), damaged);
});

Deno.test("a record that is listed and missing is damage", async () => {
  const store = storeWithLog(1, 2);
  store.get = () => Promise.resolve(undefined);
  await assert.rejects(readRecords(store, 0), damaged);
});

Deno.test("a long log is read with limited concurrency", async () => {
  const store = storeWithLog(...Array.from({ length: 200 }, (_, index) => index + 1));
  let [inFlight, most] = [0, 0];
  const get = store.get.bind(store);
  store.get = async (key, maxBytes) => {
    most = Math.max(most, ++inFlight);
    await Promise.resolve();
    inFlight--;
    return await get(key, maxBytes);
  };
  assert.equal((await readRecords(store, 0)).length, 200);
  assert.ok(most > 1 && most <= 32, `${most} at once`);
});

Deno.test("a record whose response was lost is found by its key before a listing has it", async () => {
  const news = async (store: MemoryStore, ...unanswered: number[]) => {
    const known = { last_record: 2, unconfirmed_records: unanswered };
    return (await readNewRecords(withoutNewest(store, 2), known)).map(({ sequence }) => sequence);
  };
  assert.deepEqual(await news(storeWithLog(1, 2, 3)), []);
  assert.deepEqual(await news(storeWithLog(1, 2, 3), 3), [3]);
  assert.deepEqual(await news(storeWithLog(1, 2, 3, 5), 3, 4, 5), [3, 5]);
  assert.deepEqual(await news(storeWithLog(1, 2), 3), []);
  // A listed record is read once and keeps its position.
  const known = { last_record: 2, unconfirmed_records: [3, 5] };
  const all = await readNewRecords(withoutNewest(storeWithLog(1, 2, 3, 4, 5), 4), known);
  assert.deepEqual(all.map(({ sequence }) => sequence), [3, 4, 5]);
});
