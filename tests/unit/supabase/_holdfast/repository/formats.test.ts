import assert from "node:assert/strict";
import fc from "fast-check";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import {
  formatDocument,
  identitySchema,
  parseDocument,
  recordSchema,
  snapshotSchema,
} from "../../../../../supabase/functions/_holdfast/repository/formats.ts";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const IDENTITY = {
  format: 1,
  repository_id: "0b9c4cf4-7f43-4a0a-8d3c-0c2b6a6d6f5e",
  created_at: "2026-11-21T02:00:00.000Z",
  requires: [],
};

const PART = {
  key: `lists/${"a".repeat(64)}.ndjson.gz`,
  kind: "full",
  sequence: 2,
  entries: 512,
  bytes: 48_123,
};

const SNAPSHOT = {
  format: 1,
  requires: [],
  id: "20261121T020007Z-2",
  sequence: 2,
  repository_id: IDENTITY.repository_id,
  project_url: "https://abc.supabase.co",
  holdfast_version: "0.1.0",
  state: "complete",
  started_at: "2026-11-21T02:00:00Z",
  sealed_at: "2026-11-21T02:00:07.5+00:00",
  parts: [PART],
  buckets: [{ id: "avatars", name: "avatars", public: true }],
  policies: [{ policyname: "read" }],
  totals: { objects: 512, bytes: 73_400_320, unavailable: 0, failed: 0, stale: 0 },
};

const RECORD = {
  kind: "snapshot",
  sequence: 2,
  at: "2026-11-21T02:00:08Z",
  snapshot: "20261121T020007Z-2",
  sha256: "b".repeat(64),
  project_url: "https://abc.supabase.co",
};

type Schema = typeof identitySchema | typeof snapshotSchema | typeof recordSchema;

/** Asserts a refusal with this code. */
function refused(value: unknown, schema: Schema, code: string, message?: RegExp) {
  const bytes = value instanceof Uint8Array ? new Uint8Array(value) : encode(value);
  assert.throws(() => parseDocument("the.json", bytes, schema), (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, /^the\.json/);
    if (message) assert.match(error.message, message);
    return true;
  });
}

Deno.test("documents of docs/FORMAT.md are read", () => {
  assert.deepEqual(parseDocument("holdfast.json", encode(IDENTITY), identitySchema), IDENTITY);
  assert.deepEqual(parseDocument("s.json", encode(SNAPSHOT), snapshotSchema), SNAPSHOT);
  assert.deepEqual(parseDocument("r.json", encode(RECORD), recordSchema), RECORD);
  const owner = { kind: "owner", sequence: 1, at: "now", project_url: "https://a" };
  assert.deepEqual(parseDocument("r.json", encode(owner), recordSchema), owner);
});

Deno.test("unknown fields are ignored", () => {
  const read = parseDocument("holdfast.json", encode({ ...IDENTITY, later: 1 }), identitySchema);
  assert.deepEqual(read, IDENTITY);
});

Deno.test("a newer format is refused as unsupported, even if the document has other faults", () => {
  const code = "repository_format_unsupported";
  refused({ ...IDENTITY, format: 2 }, identitySchema, code, /format 2; .* reads up to 1/);
  refused({ format: 7 }, snapshotSchema, code);
  refused({ format: 2, requires: { not: "a list" } }, identitySchema, code);
  refused({ format: 2, kind: "unheard of" }, recordSchema, code);
});

Deno.test("an unknown requirement is refused and named", () => {
  const code = "repository_format_unsupported";
  refused({ ...IDENTITY, requires: ["zstd", "age"] }, identitySchema, code, /zstd, age/);
  refused({ ...SNAPSHOT, requires: ["__proto__"] }, snapshotSchema, code, /__proto__/);
  refused({ requires: ["constructor"], other: "shape" }, snapshotSchema, code, /constructor/);
});

const DAMAGED: [what: string, value: unknown, schema: Schema, message: RegExp][] = [
  ["no JSON", new TextEncoder().encode("{"), identitySchema, /not JSON/],
  ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), identitySchema, /not JSON/],
  ["nothing", new Uint8Array(0), identitySchema, /not JSON/],
  ["null", null, identitySchema, /object/],
  ["a list", [], snapshotSchema, /object/],
  ["no format", { ...IDENTITY, format: undefined }, identitySchema, /format/],
  ["a format that is a text", { ...IDENTITY, format: "2" }, identitySchema, /format/],
  ["format 0", { ...IDENTITY, format: 0 }, identitySchema, /format/],
  ["an id that is no UUID", { ...IDENTITY, repository_id: "x" }, identitySchema, /repository_id/],
  ["an unknown kind of record", { ...RECORD, kind: "x" }, recordSchema, /kind/],
  ["a sequence of 0", { ...RECORD, sequence: 0 }, recordSchema, /sequence/],
  ["a sequence with a fraction", { ...RECORD, sequence: 1.5 }, recordSchema, /sequence/],
  [
    "a sequence that Postgres can't count",
    { ...RECORD, sequence: 2 ** 31 },
    recordSchema,
    /sequence/,
  ],
  ["a snapshot's id that is a path", { ...RECORD, snapshot: "../x" }, recordSchema, /snapshot/],
  ["a digest in upper case", { ...RECORD, sha256: "B".repeat(64) }, recordSchema, /sha256/],
  ["an id with more behind", { ...SNAPSHOT, id: `${SNAPSHOT.id}\n` }, snapshotSchema, /id/],
  ["a state of its own", { ...SNAPSHOT, state: "whole" }, snapshotSchema, /state/],
  ["a time that is none", { ...SNAPSHOT, sealed_at: "soon" }, snapshotSchema, /sealed_at/],
  [
    "negative totals",
    { ...SNAPSHOT, totals: { ...SNAPSHOT.totals, bytes: -1 } },
    snapshotSchema,
    /totals\.bytes/,
  ],
  [
    "a part outside lists/",
    {
      ...SNAPSHOT,
      parts: [{ ...PART, key: "lists/../holdfast.json" }],
    },
    snapshotSchema,
    /parts\.0\.key/,
  ],
  [
    "a part of no kind",
    { ...SNAPSHOT, parts: [{ ...PART, kind: "x" }] },
    snapshotSchema,
    /parts\.0\.kind/,
  ],
];
for (const [what, value, schema, message] of DAMAGED) {
  Deno.test(`damaged: ${what}`, () => refused(value, schema, "repository_damaged", message));
}

Deno.test("every fault of a damaged document is named", () => {
  refused(
    { ...IDENTITY, repository_id: 1, created_at: 2 },
    identitySchema,
    "repository_damaged",
    /repository_id .*; created_at /,
  );
});

Deno.test("every JSON value is read or refused with a typed error", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom(identitySchema, snapshotSchema, recordSchema),
      (value, schema) => {
        try {
          parseDocument("the.json", encode(value), schema);
        } catch (error) {
          assert.ok(error instanceof HoldfastError, String(error));
        }
      },
    ),
  );
});

Deno.test("a document is read as it was written", () => {
  const text = formatDocument(SNAPSHOT);
  assert.ok(text.endsWith("}\n"));
  assert.deepEqual(parseDocument("s", new TextEncoder().encode(text), snapshotSchema), SNAPSHOT);
});
