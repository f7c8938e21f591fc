import assert from "node:assert/strict";
import type { ObjectRow } from "../../support/project_reader.ts";
import type { Entry, Snapshot } from "../../stack/repository_reader.ts";
import { Truth } from "../../soak/model/truth.ts";
import { type Untruth, untruthsOf } from "../../soak/model/untruths.ts";

const RUN = { start: 10_000, end: 20_000 };
const A = "00000000-0000-4000-8000-00000000000a";
const B = "00000000-0000-4000-8000-00000000000b";

Deno.test("what is listed as it was is no untruth", () => {
  const scene = make();
  assert.deepEqual(untruths(scene), []);
});

Deno.test("a state that an object had for a moment of the run is one that it really had", () => {
  const { truth, snapshot } = make();
  truth.appeared(row(A, "files/a", "v2"), "digest 2", at(15_000));
  assert.deepEqual(untruths({ truth, snapshot }), []);
  list(snapshot, entry(A, "files/a", "v2"));
  assert.deepEqual(untruths({ truth, snapshot }), []);
});

Deno.test("a state that an object had before the run or after it is an untruth", () => {
  const { truth, snapshot } = make();
  truth.appeared(row(A, "files/a", "v2"), "digest 2", at(9_000));
  assertUntrue({ truth, snapshot }, "tells_the_truth", "before or after the run");
  truth.appeared(row(A, "files/a", "v3"), "digest 3", at(21_000));
  list(snapshot, entry(A, "files/a", "v3"));
  assertUntrue({ truth, snapshot }, "tells_the_truth", "before or after the run");
});

Deno.test("a state that an object never had is an untruth, whatever of it is wrong", () => {
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
    const { truth, snapshot } = make();
    list(snapshot, { ...entry(A, "files/a", "v1"), ...part });
    assertUntrue({ truth, snapshot }, "tells_the_truth", "never was as");
  }
});

Deno.test("an object at a place where it never was is an untruth", () => {
  const { truth, snapshot } = make();
  snapshot.entries.delete("files/a");
  list(snapshot, entry(A, "files/elsewhere", "v1"));
  assertUntrue({ truth, snapshot }, "tells_the_truth", "never was as");
});

Deno.test("an object that lived through the run and is not listed is an untruth", () => {
  const { truth, snapshot } = make();
  snapshot.entries.delete("files/a");
  assertUntrue({ truth, snapshot }, "tells_the_truth", "is not listed");
  // Not so where it went meanwhile.
  truth.gone(A, at(19_000));
  assert.deepEqual(untruths({ truth, snapshot }), []);
});

Deno.test("an object that moved meanwhile must be listed, and once", () => {
  const { truth, snapshot } = make();
  truth.appeared(row(A, "files/moved", "v2"), "digest 1", at(15_000));
  assert.deepEqual(untruths({ truth, snapshot }), []);
  list(snapshot, { ...entry(A, "files/moved", "v2"), assumed: true });
  assertUntrue({ truth, snapshot }, "tells_the_truth", "is listed twice");
  snapshot.entries.delete("files/a");
  assert.deepEqual(untruths({ truth, snapshot }), []);
  snapshot.entries.delete("files/moved");
  assertUntrue({ truth, snapshot }, "tells_the_truth", "is not listed");
});

Deno.test("an object whose new place could not be read is listed where it was, too", () => {
  const { truth, snapshot } = make();
  truth.appeared(row(A, "files/moved", "v2"), "digest 1", at(15_000));
  const { key: _, ...unread } = entry(A, "files/moved", "v2");
  list(snapshot, { ...unread, wanted_version: "v2", code: "bytes_missing" });
  snapshot.document.state = "partial";
  assert.deepEqual(untruths({ truth, snapshot }), []);
  // Also where it moved before the run began.
  const { truth: earlier } = make();
  earlier.appeared(row(A, "files/moved", "v2"), "digest 1", at(9_000));
  assert.deepEqual(untruths({ truth: earlier, snapshot }), []);
  snapshot.entries.delete("files/moved");
  assertUntrue({ truth: earlier, snapshot }, "tells_the_truth", "before or after the run");
});

Deno.test("an object that was deleted before the run is an untruth", () => {
  const { truth, snapshot } = make();
  truth.gone(A, at(9_000));
  assertUntrue({ truth, snapshot }, "tells_the_truth", "before or after the run");
});

Deno.test("other bytes than were uploaded are an untruth", () => {
  const { truth, snapshot } = make();
  const held = new Map([["data/files/a/v1", "another digest"], ["data/files/b/v1", "digest 1"]]);
  const [found] = untruthsOf(snapshot, truth, held);
  assert.equal(found?.promise, "no_missing_bytes");
});

Deno.test("bytes of another name are to be marked as assumed", () => {
  const { truth, snapshot } = make();
  truth.appeared(row(A, "files/moved", "v2"), "digest 1", at(5_000));
  snapshot.entries.delete("files/a");
  const moved = { ...entry(A, "files/moved", "v2"), key: "data/files/a/v1" };
  list(snapshot, moved);
  const held = new Map([["data/files/a/v1", "digest 1"], ["data/files/b/v1", "digest 1"]]);
  assert.equal(untruthsOf(snapshot, truth, held)[0]?.promise, "assumed_marked");
  list(snapshot, { ...moved, assumed: true });
  assert.deepEqual(untruthsOf(snapshot, truth, held), []);
});

Deno.test("what has no bytes of its own must say which version was wanted, and why", () => {
  const { truth, snapshot } = make();
  truth.appeared(row(A, "files/a", "v2"), "digest 2", at(5_000));
  truth.lostBytes(A, at(6_000));
  const stale = { ...entry(A, "files/a", "v1"), wanted_version: "v2", code: "storage_failed" };
  list(snapshot, stale);
  assert.deepEqual(untruths({ truth, snapshot }), []);
  list(snapshot, { ...stale, wanted_version: "v9" });
  assertUntrue({ truth, snapshot }, "tells_the_truth", "which it was not");
  list(snapshot, { ...stale, version: "v9", key: "data/files/a/v9" });
  assertUntrue({ truth, snapshot }, "tells_the_truth", "which it never had");
  const { code: _, ...silent } = stale;
  list(snapshot, silent);
  assertUntrue({ truth, snapshot }, "tells_the_truth", "does not say why");
});

Deno.test("a complete snapshot lacks only what the source could not give", () => {
  const { truth, snapshot } = make();
  const { key: _, ...without } = entry(A, "files/a", "v1");
  list(snapshot, { ...without, wanted_version: "v1", code: "storage_failed" });
  assertUntrue({ truth, snapshot }, "tells_the_truth", "could be had");
  snapshot.document.state = "partial";
  assert.deepEqual(untruths({ truth, snapshot }), []);
});

Deno.test("a bucket that lived through the run must be listed", () => {
  const { truth, snapshot } = make();
  snapshot.document.buckets = [];
  assertUntrue({ truth, snapshot }, "tells_the_truth", "bucket files");
});

interface Scene {
  readonly truth: Truth;
  readonly snapshot: Snapshot;
}

/** Two objects that lived through the run, listed as they were. */
function make(): Scene {
  const truth = new Truth();
  truth.bucketMade("files", at(900));
  truth.appeared(row(A, "files/a", "v1"), "digest 1", at(1_000));
  truth.appeared(row(B, "files/b", "v1"), "digest 1", at(1_000));
  const document = {
    state: "complete",
    started_at: new Date(RUN.start).toISOString(),
    sealed_at: new Date(RUN.end).toISOString(),
    buckets: [{ id: "files" }],
  } as unknown as Snapshot["document"];
  const snapshot: Snapshot = { document, entries: new Map() };
  list(snapshot, entry(A, "files/a", "v1"));
  list(snapshot, entry(B, "files/b", "v1"));
  return { truth, snapshot };
}

function list({ entries }: Snapshot, entry: Entry): void {
  entries.set(`${entry.bucket}/${entry.name}`, entry);
}

function at(time: number) {
  return { after: time, before: time + 50 };
}

function row(id: string, place: string, version: string): ObjectRow {
  const [bucket_id = "", name = ""] = place.split("/");
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

function entry(id: string, place: string, version: string): Entry {
  const { bucket_id: bucket, name, user_metadata, owner_id, created_at, updated_at } = row(
    id,
    place,
    version,
  );
  return {
    bucket,
    name,
    id,
    version,
    key: `data/${place}/${version}`,
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
function untruths({ truth, snapshot }: Scene): Untruth[] {
  const held = new Map<string, string>();
  for (const { states } of truth.lives()) {
    for (const { row, sha256 } of states) {
      held.set(`data/${row.bucket_id}/${row.name}/${row.version}`, sha256);
    }
  }
  return untruthsOf(snapshot, truth, held);
}

function assertUntrue(scene: Scene, promise: string, words: string): void {
  const found = untruths(scene);
  assert.ok(
    found.some((it) => it.promise === promise && it.message.includes(words)),
    JSON.stringify(found),
  );
}
