import assert from "node:assert/strict";
import type { Database } from "../../../../../supabase/functions/_holdfast/lib/database.ts";
import type { LogRecord } from "../../../../../supabase/functions/_holdfast/repository/formats.ts";
import {
  assertNoNewRecords,
  openForWriting,
} from "../../../../../supabase/functions/_holdfast/repository/open.ts";
import {
  HOLDFAST_KEY,
  logKey,
} from "../../../../../supabase/functions/_holdfast/repository/keys.ts";
import type { RepositorySettings } from "../../../../../supabase/functions/_holdfast/config/environment.ts";
import { MemoryStore } from "../../memory_store.ts";
import { storeWithLog, withoutNewest } from "./log_store.ts";

const SETTINGS = {
  endpoint: "https://s3.example.com",
  region: "eu-central-1",
  bucket: "backups",
  prefix: "holdfast",
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "the-secret-of-this-test",
  forcePathStyle: true,
};

/** The run that creates the repository. */
const WRITER = {
  projectUrl: "https://a",
  run: "6f2d3a4e-8f0e-4d55-9a3e-0a4b5c6d7e8f",
  startedAt: "2026-11-21T00:00:00.000000Z",
};

/** A database without a repository. */
const nothingKnown: Database = {
  call: <Result>() => Promise.resolve(null as Result),
  close: () => Promise.resolve(),
};

for (const conditional of [true, false]) {
  const server = conditional ? "honours" : "ignores";
  Deno.test(`a new repository records that its server ${server} conditions`, async () => {
    const store = new MemoryStore();
    store.conditional = conditional;
    const facts = await openForWriting(store, nothingKnown, SETTINGS, WRITER);
    assert.equal(facts.conditional_writes, conditional);
  });
}

Deno.test("a worker that was delayed before it creates the repository does not create a second one", async () => {
  const store = new MemoryStore();
  store.conditional = false;
  await openForWriting(store, nothingKnown, SETTINGS, WRITER);
  const made = [HOLDFAST_KEY, logKey(1)].map((key) => store.read(key));
  // The delayed worker read the bucket when it was still empty.
  const get = store.get.bind(store);
  store.get = (key, maxBytes) => {
    store.get = get;
    return key === HOLDFAST_KEY ? Promise.resolve(undefined) : get(key, maxBytes);
  };
  await openForWriting(store, nothingKnown, SETTINGS, WRITER);
  assert.deepEqual([HOLDFAST_KEY, logKey(1)].map((key) => store.read(key)), made);
});

Deno.test("an identity that was corrupted in transit does not replace the stored one", async () => {
  const store = new MemoryStore();
  store.conditional = false;
  await openForWriting(store, nothingKnown, SETTINGS, WRITER);
  const right = store.read(HOLDFAST_KEY);
  const get = store.get.bind(store);
  store.get = async (key, maxBytes) => {
    const bytes = await get(key, maxBytes);
    if (key !== HOLDFAST_KEY || !bytes) return bytes;
    return new TextEncoder().encode(`${new TextDecoder().decode(bytes)}   `);
  };
  const facts = await openForWriting(store, nothingKnown, SETTINGS, WRITER);
  assert.equal(facts.conditional_writes, null);
  assert.equal(store.read(HOLDFAST_KEY), right);
});

Deno.test("at a snapshot's own sequence, only the snapshot's own record is not new", async () => {
  const own: LogRecord = {
    kind: "snapshot",
    sequence: 3,
    at: "then",
    snapshot: "20261121T000000Z-3",
    sha256: "1".repeat(64),
    project_url: "https://a",
  };
  const database: Database = {
    call: <Result>() => Promise.resolve({ last_record: 2, unconfirmed_records: [] } as Result),
    close: () => Promise.resolve(),
  };
  const snapshot = { repository_id: crypto.randomUUID(), project_url: "https://a" };
  const look = (there: LogRecord) => {
    const store = storeWithLog(2);
    store.write(logKey(3), JSON.stringify(there));
    return assertNoNewRecords(store, database, snapshot, own);
  };
  await look(own);
  for (
    const other of [
      { ...own, sha256: "2".repeat(64) },
      { ...own, snapshot: "20261121T000001Z-3" },
    ]
  ) {
    await assert.rejects(look(other), { code: "catalog_behind" });
  }
});

/** Opens a repository whose log has these records after the second, listed or not yet listed. */
function openWithNews(
  { answer, news, listed = true }: { answer: unknown; news: LogRecord[]; listed?: boolean },
) {
  const store = listed ? storeWithLog(2) : withoutNewest(storeWithLog(2), 2);
  const identity = {
    format: 1,
    repository_id: crypto.randomUUID(),
    created_at: "",
    requires: [],
  };
  store.write(HOLDFAST_KEY, JSON.stringify(identity));
  for (const record of news) store.write(logKey(record.sequence), JSON.stringify(record));
  const settings = { endpoint: "https://s3", bucket: "b", prefix: "p" } as RepositorySettings;
  const known = {
    ...settings,
    id: 1,
    last_record: 2,
    unconfirmed_records: [3],
    owner_project: "https://a",
    conditional_writes: true,
  };
  const database: Database = {
    call: <Result>(name: string) =>
      Promise.resolve((name === "known_repository" ? known : answer) as Result),
    close: () => Promise.resolve(),
  };
  return {
    writing: () => openForWriting(store, database, settings, WRITER),
    sealing: () => assertNoNewRecords(store, database, { ...identity, project_url: "https://a" }),
  };
}

const [THIRD, FOURTH] = [3, 4].map((sequence): LogRecord => ({
  kind: "snapshot",
  at: "then",
  sha256: "1".repeat(64),
  project_url: "https://a",
  sequence,
  snapshot: `20261121T000000Z-${sequence}`,
})) as [LogRecord, LogRecord];

Deno.test("a snapshot that the database knows as its own is not new, and no other request is made", async () => {
  const adopted = await openWithNews({ answer: true, news: [THIRD] }).writing();
  assert.equal(adopted.last_record, 3);
  const behind = { code: "catalog_behind" };
  for (const answer of [false, null]) {
    await assert.rejects(openWithNews({ answer, news: [THIRD] }).writing(), behind);
  }
  await assert.rejects(openWithNews({ answer: true, news: [THIRD, FOURTH] }).writing(), behind);
});

Deno.test("a record in doubt after a run is found before a listing has it", async () => {
  const there = { news: [THIRD], listed: false };
  const adopted = await openWithNews({ answer: true, ...there }).writing();
  assert.equal(adopted.last_record, 3);
  const opened = openWithNews({ answer: false, ...there });
  await assert.rejects(opened.writing(), { code: "catalog_behind" });
  await assert.rejects(opened.sealing(), { code: "catalog_behind" });
  await openWithNews({ answer: false, news: [], listed: false }).sealing();
});
