import assert from "node:assert/strict";
import type { ObjectRow } from "../../support/project_reader.ts";
import type { Entry, Snapshot } from "../../../stack/repository_reader.ts";
import { ReferenceModel } from "../../soak/model/reference_model.ts";
import { type Violation, violationsOf } from "../../soak/model/violations.ts";

const RUN = { start: 10_000, end: 20_000 };
const A = "00000000-0000-4000-8000-00000000000a";
const B = "00000000-0000-4000-8000-00000000000b";

Deno.test("an accurate snapshot has no violation", () => {
  const environment = make();
  assert.deepEqual(violations(environment), []);
});

Deno.test("a state that an object had for a moment of the run may be listed", () => {
  const { model, snapshot } = make();
  model.appeared(row(A, "files/a", "v2"), "digest 2", at(15_000));
  assert.deepEqual(violations({ model, snapshot }), []);
  list(snapshot, entry(A, "files/a", "v2"));
  assert.deepEqual(violations({ model, snapshot }), []);
});

Deno.test("a state from before or after the run is a violation", () => {
  const { model, snapshot } = make();
  model.appeared(row(A, "files/a", "v2"), "digest 2", at(9_000));
  assertUntrue({ model, snapshot }, "snapshot_accurate", "before or after the run");
  model.appeared(row(A, "files/a", "v3"), "digest 3", at(21_000));
  list(snapshot, entry(A, "files/a", "v3"));
  assertUntrue({ model, snapshot }, "snapshot_accurate", "before or after the run");
});

Deno.test("a state that an object never had is a violation", () => {
  const wrong: Partial<Entry>[] = [
    { version: "v9" },
    { size: 8 },
    { type: "text/html" },
    { cache_control: "max-age=9" },
    { user_metadata: { n: 9 } },
    { owner_id: "somebody" },
    { created_at: "2026-01-01T00:00:00.000009Z" },
    { etag: "9" },
  ];
  for (const part of wrong) {
    const { model, snapshot } = make();
    list(snapshot, { ...entry(A, "files/a", "v1"), ...part });
    assertUntrue({ model, snapshot }, "snapshot_accurate", "never was");
  }
});

Deno.test("an object at a path where it never was is a violation", () => {
  const { model, snapshot } = make();
  snapshot.entries.delete("files/a");
  list(snapshot, entry(A, "files/other", "v1"));
  assertUntrue({ model, snapshot }, "snapshot_accurate", "never was");
});

Deno.test("an object that existed during the complete run and is not listed is a violation", () => {
  const { model, snapshot } = make();
  snapshot.entries.delete("files/a");
  assertUntrue({ model, snapshot }, "snapshot_accurate", "is not listed");
  // An object that was deleted during the run may be missing.
  model.deleted(A, at(19_000));
  assert.deepEqual(violations({ model, snapshot }), []);
});

Deno.test("an object that moved during the run must be listed once", () => {
  const { model, snapshot } = make();
  model.appeared(row(A, "files/moved", "v2"), "digest 1", at(15_000));
  assert.deepEqual(violations({ model, snapshot }), []);
  list(snapshot, { ...entry(A, "files/moved", "v2"), assumed: true });
  assertUntrue({ model, snapshot }, "snapshot_accurate", "is listed twice");
  snapshot.entries.delete("files/a");
  assert.deepEqual(violations({ model, snapshot }), []);
  snapshot.entries.delete("files/moved");
  assertUntrue({ model, snapshot }, "snapshot_accurate", "is not listed");
});

Deno.test("an object that could not be read at its new path may also be listed at the old one", () => {
  const { model, snapshot } = make();
  model.appeared(row(A, "files/moved", "v2"), "digest 1", at(15_000));
  const { key: _, ...unread } = entry(A, "files/moved", "v2");
  list(snapshot, { ...unread, wanted_version: "v2", code: "bytes_missing" });
  snapshot.document.state = "partial";
  assert.deepEqual(violations({ model, snapshot }), []);
  // The same applies if it moved before the run began.
  const { model: earlier } = make();
  earlier.appeared(row(A, "files/moved", "v2"), "digest 1", at(9_000));
  assert.deepEqual(violations({ model: earlier, snapshot }), []);
  snapshot.entries.delete("files/moved");
  assertUntrue({ model: earlier, snapshot }, "snapshot_accurate", "before or after the run");
});

Deno.test("an object that was deleted before the run is a violation", () => {
  const { model, snapshot } = make();
  model.deleted(A, at(9_000));
  assertUntrue({ model, snapshot }, "snapshot_accurate", "before or after the run");
});

Deno.test("other bytes than the uploaded ones are a violation", () => {
  const { model, snapshot } = make();
  const held = new Map([["data/files/a/v1", "another digest"], ["data/files/b/v1", "digest 1"]]);
  const [found] = violationsOf(snapshot, model, held);
  assert.equal(found?.invariant, "no_missing_bytes");
});

Deno.test("bytes of another name must be marked as assumed", () => {
  const { model, snapshot } = make();
  model.appeared(row(A, "files/moved", "v2"), "digest 1", at(5_000));
  snapshot.entries.delete("files/a");
  const moved = { ...entry(A, "files/moved", "v2"), key: "data/files/a/v1" };
  list(snapshot, moved);
  const held = new Map([["data/files/a/v1", "digest 1"], ["data/files/b/v1", "digest 1"]]);
  assert.equal(violationsOf(snapshot, model, held)[0]?.invariant, "assumed_marked");
  list(snapshot, { ...moved, assumed: true });
  assert.deepEqual(violationsOf(snapshot, model, held), []);
});

Deno.test("an entry without its own bytes must name the wanted version and the reason", () => {
  const { model, snapshot } = make();
  model.appeared(row(A, "files/a", "v2"), "digest 2", at(5_000));
  model.lostBytes(A, at(6_000));
  const stale = { ...entry(A, "files/a", "v1"), wanted_version: "v2", code: "storage_failed" };
  list(snapshot, stale);
  assert.deepEqual(violations({ model, snapshot }), []);
  list(snapshot, { ...stale, wanted_version: "v9" });
  assertUntrue({ model, snapshot }, "snapshot_accurate", "which it was not");
  list(snapshot, { ...stale, version: "v9", key: "data/files/a/v9" });
  assertUntrue({ model, snapshot }, "snapshot_accurate", "which it never had");
  const { code: _, ...silent } = stale;
  list(snapshot, silent);
  assertUntrue({ model, snapshot }, "snapshot_accurate", "does not say why");
});

Deno.test("a complete snapshot lacks only bytes that the source had lost", () => {
  const { model, snapshot } = make();
  const { key: _, ...without } = entry(A, "files/a", "v1");
  list(snapshot, { ...without, wanted_version: "v1", code: "storage_failed" });
  assertUntrue({ model, snapshot }, "snapshot_accurate", "was readable");
  snapshot.document.state = "partial";
  assert.deepEqual(violations({ model, snapshot }), []);
});

Deno.test("a bucket that existed during the complete run must be listed", () => {
  const { model, snapshot } = make();
  snapshot.document.buckets = [];
  assertUntrue({ model, snapshot }, "snapshot_accurate", "bucket files");
});

interface Environment {
  readonly model: ReferenceModel;
  readonly snapshot: Snapshot;
}

/** Two objects that existed during the complete run, listed as they were. */
function make(): Environment {
  const model = new ReferenceModel();
  model.bucketCreated("files", at(900));
  model.appeared(row(A, "files/a", "v1"), "digest 1", at(1_000));
  model.appeared(row(B, "files/b", "v1"), "digest 1", at(1_000));
  const document = {
    state: "complete",
    started_at: new Date(RUN.start).toISOString(),
    sealed_at: new Date(RUN.end).toISOString(),
    buckets: [{ id: "files" }],
  } as unknown as Snapshot["document"];
  const snapshot: Snapshot = { document, entries: new Map() };
  list(snapshot, entry(A, "files/a", "v1"));
  list(snapshot, entry(B, "files/b", "v1"));
  return { model, snapshot };
}

function list({ entries }: Snapshot, entry: Entry): void {
  entries.set(`${entry.bucket}/${entry.name}`, entry);
}

function at(time: number) {
  return { after: time, before: time + 50 };
}

function row(id: string, objectPath: string, version: string): ObjectRow {
  const [bucket_id = "", name = ""] = objectPath.split("/");
  const metadata = { size: 7, mimetype: "text/plain", cacheControl: "no-cache", eTag: '"e"' };
  return {
    id,
    bucket_id,
    name,
    version,
    owner: null,
    owner_id: null,
    metadata,
    user_metadata: { n: 1 },
    created_at: "2026-01-01T00:00:00.000001Z",
    updated_at: "2026-01-01T00:00:00.000001Z",
  };
}

function entry(id: string, objectPath: string, version: string): Entry {
  const { bucket_id: bucket, name, user_metadata, owner_id, created_at, updated_at } = row(
    id,
    objectPath,
    version,
  );
  return {
    bucket,
    name,
    id,
    version,
    key: `data/${objectPath}/${version}`,
    size: 7,
    sha256: "of no matter here",
    type: "text/plain",
    cache_control: "no-cache",
    etag: "e",
    user_metadata,
    owner_id,
    created_at,
    updated_at,
  };
}

/** With bytes as they were uploaded under each key. */
function violations({ model, snapshot }: Environment): Violation[] {
  const held = new Map<string, string>();
  for (const { states } of model.lives()) {
    for (const { row, sha256 } of states) {
      held.set(`data/${row.bucket_id}/${row.name}/${row.version}`, sha256);
    }
  }
  return violationsOf(snapshot, model, held);
}

function assertUntrue(environment: Environment, invariant: string, words: string): void {
  const found = violations(environment);
  assert.ok(
    found.some((it) => it.invariant === invariant && it.message.includes(words)),
    JSON.stringify(found),
  );
}
