import assert from "node:assert/strict";
import fc from "fast-check";
import { HoldfastError } from "../../../../../../supabase/functions/_holdfast/config/errors.ts";
import {
  parseLine,
  parseLines,
} from "../../../../../../supabase/functions/_holdfast/jobs/import/lines.ts";

const PUT = {
  op: "put",
  bucket: "avatars",
  name: "a/b.png",
  id: "0b9c4cf4-7f43-4a0a-8d3c-0c2b6a6d6f5e",
  version: "v",
  key: "data/avatars/a/b.png/v",
  size: 1_234,
  sha256: "a".repeat(64),
  type: "image/png",
  cache_control: "max-age=3600",
  user_metadata: { n: 1, nested: [{ deep: null }] },
  owner_id: null,
  created_at: "2026-11-21T02:00:00Z",
  updated_at: "2026-11-21T02:00:00Z",
  etag: "e",
};

const parse = (line: unknown) =>
  parseLine("lists/x", 7, typeof line === "string" ? line : JSON.stringify(line));

function refused(line: unknown, message: RegExp = /^lists\/x, line 7: /) {
  assert.throws(() => parse(line), (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, "repository_damaged");
    assert.match(error.message, message);
    assert.ok(error.message.length < 500, "a line of megabytes is not repeated");
    return true;
  });
}

Deno.test("the example line of docs/FORMAT.md is accepted", () => {
  assert.deepEqual(parse(PUT), {
    op: "put",
    bucket_id: "avatars",
    name: "a/b.png",
    object_id: PUT.id,
    version: "v",
    assumed: false,
    metadata: {
      type: "image/png",
      cache_control: "max-age=3600",
      user_metadata: PUT.user_metadata,
      owner_id: null,
      created_at: PUT.created_at,
      updated_at: PUT.updated_at,
      etag: "e",
    },
    stored: { key: PUT.key, size: 1_234, sha256: PUT.sha256, part_size: null },
  });
  const remove = { op: "remove", bucket: "avatars", name: "a/b.png" };
  assert.deepEqual(parse(remove), { op: "remove", bucket_id: "avatars", name: "a/b.png" });
});

Deno.test("an object without a blob has no bytes and states the reason", () => {
  const { key: _key, size: _size, sha256: _sha256, ...rest } = PUT;
  const line = parse({ ...rest, wanted_version: "v", code: "bytes_missing" });
  assert.equal("stored" in line, false);
  assert.deepEqual([line["wanted_version"], line["code"]], ["v", "bytes_missing"]);
});

Deno.test("a line with neither a blob nor a wanted version is refused", () => {
  const { key: _key, size: _size, sha256: _sha256, ...rest } = PUT;
  refused(rest, /^lists\/x, line 7: key /);
});

Deno.test("a name occurs once in a part, across all pages of the part", () => {
  const lines = ["a", "b", "c", "b", "d"].map((name) => JSON.stringify({ ...PUT, name }));
  const again = {
    code: "repository_damaged",
    message: "lists/x, line 4: names an object for the second time",
  };
  assert.throws(() => parseLines("lists/x", lines, [0, 5], new Set()), again);
  const names = new Set<string>();
  assert.deepEqual(parseLines("lists/x", lines, [0, 2], names).map(({ name }) => name), ["a", "b"]);
  assert.throws(() => parseLines("lists/x", lines, [2, 4], names), again);
  const other = JSON.stringify({ ...PUT, name: "a", bucket: "other" });
  assert.equal(parseLines("lists/x", [...lines.slice(0, 3), other], [0, 9], new Set()).length, 4);
});

Deno.test("a key without size or digest cannot be verified and is refused", () => {
  for (const field of ["size", "sha256"] as const) {
    const { [field]: _, ...line } = PUT;
    refused(line);
  }
});

Deno.test("unknown fields are dropped", () => {
  const line = parse({ ...PUT, removed_in: 1, blob: 7, bucket_id: "other", stored: {} });
  assert.equal(line.bucket_id, "avatars");
  assert.deepEqual(Object.keys(line).sort(), [
    "assumed",
    "bucket_id",
    "metadata",
    "name",
    "object_id",
    "op",
    "stored",
    "version",
  ]);
});

const KEYS = [
  "../other/data/x",
  "data/../holdfast.json",
  "data/a/../../x",
  "data/./x",
  "data//x",
  "data/",
  "data/x/",
  "data",
  "/data/x",
  "lists/x",
  "xdata/x",
  "",
  "log/0000000000000001.json",
  `data/${"x".repeat(1_024)}`,
];
for (const key of KEYS) {
  Deno.test(`no bytes are read from ${key.slice(0, 40) || "an empty key"}`, () => {
    refused({ ...PUT, key }, /key/);
  });
}

const WRONG: [field: string, values: unknown[]][] = [
  ["op", [undefined, null, "delete", 1]],
  ["bucket", [undefined, null, 1, "b".repeat(2 ** 20 + 1), {}]],
  ["name", [undefined, null, 1, "n".repeat(2 ** 20 + 1), []]],
  ["version", [undefined, null, 1, {}]],
  ["id", ["x", 1, ""]],
  ["size", [-1, 1.5, "1", 2 ** 53, 1e300, null]],
  ["sha256", ["a", "A".repeat(64), 1, `${"a".repeat(64)}\n`, null]],
  ["part_size", [0, -1, 1.5, "8", 2 ** 60, null]],
  ["assumed", ["true", 1]],
  ["code", [1, "c".repeat(101)]],
  ["wanted_version", [1, null]],
  ["type", [1, {}, []]],
  ["created_at", [
    1,
    {},
    "soon",
    "'; drop table x",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
  ]],
  ["updated_at", [1, {}, "yesterday"]],
];
for (const [field, values] of WRONG) {
  Deno.test(`a wrong ${field} is damage`, () => {
    for (const value of values) refused({ ...PUT, [field]: value }, new RegExp(field));
  });
}

Deno.test("values of rows that were inserted by SQL are accepted", () => {
  for (
    const row of [
      { id: "11111111-1111-1111-1111-111111111111" },
      { id: null },
      { created_at: "2024-02-29T23:59:59.123456Z", updated_at: "55840-12-31T00:00:00.000000Z" },
      { name: "x".repeat(100_000) },
      { bucket: "" },
      { name: "" },
      { user_metadata: Array.from({ length: 200_000 }, (_, index) => index) },
      { user_metadata: JSON.parse("[".repeat(1_000) + "]".repeat(1_000)) },
    ]
  ) {
    assert.ok(parse({ ...PUT, ...row }));
  }
});

Deno.test("a line that is not a JSON object is damage", () => {
  for (const line of ["", "{", "null", "1", "[]", '"put"', "\u0000", "{'op': 1}"]) refused(line);
});

Deno.test("a number with too many digits is refused, not rounded", () => {
  const line = JSON.stringify(PUT).replace("1234", "123456789012345678901234567890");
  refused(line, /size/);
  refused(JSON.stringify(PUT).replace("1234", "1e999"), /size/);
});

Deno.test("more parts than S3 allows are refused: each part would be hashed", () => {
  assert.ok(parse({ ...PUT, size: 10_000, part_size: 1 }));
  refused({ ...PUT, size: 10_001, part_size: 1 }, /part_size/);
});

Deno.test("text that Postgres cannot store is damage in every field", () => {
  for (const text of ["a\0b", "\ud800", "\udc00x"]) {
    refused({ ...PUT, name: text });
    refused({ ...PUT, bucket: text });
    refused({ ...PUT, version: text });
    refused({ ...PUT, type: text });
    refused({ ...PUT, etag: text });
    refused({ ...PUT, owner_id: text });
    refused({ ...PUT, key: `data/${text}` });
    refused({ ...PUT, user_metadata: text });
    refused({ ...PUT, user_metadata: { [text]: 1 } });
    refused({ ...PUT, user_metadata: { a: [{ b: text }] } });
  }
  assert.ok(parse({ ...PUT, name: "\u{1f600} \\u0000 \u0001" }));
});

Deno.test("metadata nested too deeply is damage, not a crash", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  refused(JSON.stringify(PUT).replace('"nested":[', `"nested":[${deep},`));
});

Deno.test("a line cannot change a prototype", () => {
  const line = JSON.stringify(PUT);
  const withPrototype = `{"__proto__":{"polluted":true,"op":"remove"},${line.slice(1)}`;
  const taken = parse(withPrototype);
  assert.equal(taken.op, "put");
  assert.equal(Object.getPrototypeOf(taken), Object.prototype);
  assert.equal((taken as Record<string, unknown>)["polluted"], undefined);
  assert.equal("polluted" in {}, false);

  const inside = line.replace('"n":1', '"__proto__":{"polluted":true}');
  const metadata = parse(inside)["metadata"] as { user_metadata: object };
  // It is an ordinary field of the user's metadata and is kept.
  assert.deepEqual(Object.keys(metadata.user_metadata), ["__proto__", "nested"]);
  assert.equal("polluted" in {}, false);
});

Deno.test("every line is accepted or refused with a typed error", () => {
  const fields = Object.keys(PUT) as (keyof typeof PUT)[];
  const change = fc.tuple(fc.constantFrom(...fields, "part_size", "code"), fc.jsonValue());
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
      try {
        const line = parse({ ...PUT, ...Object.fromEntries(changes) });
        const stored = line["stored"] as { key: string } | undefined;
        assert.ok(!stored || /^data\//.test(stored.key));
      } catch (error) {
        assert.ok(error instanceof HoldfastError, String(error));
        assert.equal(error.code, "repository_damaged");
      }
    }),
    { numRuns: 1_000 },
  );
});
