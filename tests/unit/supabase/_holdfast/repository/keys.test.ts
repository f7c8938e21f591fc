import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import fc from "fast-check";
import {
  dataKey,
  listKey,
  logKey,
  sequenceOfLogKey,
  snapshotId,
  snapshotKey,
} from "../../../../../supabase/functions/_holdfast/repository/keys.ts";
import { anyText } from "../../any_text.ts";

const VERSION = "0b9c4cf4-7f43-4a0a-8d3c-0c2b6a6d6f5e";

const digestOf = (text: string) => createHash("sha256").update(text).digest("hex");

/** The digest key of an object, implemented independently from docs/FORMAT.md. */
const byDigest = (bucket: string, name: string, version: string) =>
  `data/~/${digestOf(`${bucket}\0${name}\0${version}`)}`;

const PLAIN: [what: string, bucket: string, name: string][] = [
  ["a simple name", "avatars", "a/b.png"],
  ["spaces and every odd character that Storage allows", "a b", "_!.*'() &$=@;:+,?-/x"],
  ["letters beyond ASCII", "bücket", "naïve/名前.txt"],
  ["a hidden file", "b", ".hidden/.emptyFolderPlaceholder"],
  ["dots that are no path", "b", ".../..a/a..b"],
  ["a segment of 250 bytes", "b", "x".repeat(250)],
  ["a tilde inside", "b~", "~/~2"],
];
for (const [what, bucket, name] of PLAIN) {
  Deno.test(`the data key is plain for ${what}`, async () => {
    assert.equal(await dataKey(bucket, name, VERSION), `data/${bucket}/${name}/${VERSION}`);
  });
}

const HASHED: [what: string, bucket: string, name: string, version: string][] = [
  ["a version that is no UUID", "b", "n", "none-1"],
  ["an upper-case version", "b", "n", VERSION.toUpperCase()],
  ["a version with a line behind it", "b", "n", `${VERSION}\n`],
  ["a slash in the bucket", "a/b", "n", VERSION],
  ["the bucket ~, where the digests are", "~", "n", VERSION],
  ["an empty bucket", "", "n", VERSION],
  ["an empty name", "b", "", VERSION],
  ["a bucket that is a dot", ".", "n", VERSION],
  ["a bucket that is two dots", "..", "n", VERSION],
  ["a segment that is a dot", "b", "a/./b", VERSION],
  ["a segment that is two dots", "b", "../../holdfast.json", VERSION],
  ["an empty segment", "b", "a//b", VERSION],
  ["a slash at the beginning", "b", "/a", VERSION],
  ["a slash at the end", "b", "a/", VERSION],
  ["a segment of 251 bytes", "b", "x".repeat(251), VERSION],
  ["a segment of 126 letters and 252 bytes", "b", "é".repeat(126), VERSION],
  ["a bucket of 251 bytes", "b".repeat(251), "n", VERSION],
];
for (const [what, bucket, name, version] of HASHED) {
  Deno.test(`the data key is a digest for ${what}`, async () => {
    assert.equal(await dataKey(bucket, name, version), byDigest(bucket, name, version));
  });
}

Deno.test("the data key is plain up to 1,000 bytes", async () => {
  const segment = `${"x".repeat(199)}/`;
  const rest = 1_000 - `data/b/${segment.repeat(4)}/${VERSION}`.length;
  const longest = segment.repeat(4) + "x".repeat(rest);
  const key = await dataKey("b", longest, VERSION);
  assert.equal(key.length, 1_000);
  assert.ok(key.endsWith(VERSION));
  assert.equal(await dataKey("b", `${longest}x`, VERSION), byDigest("b", `${longest}x`, VERSION));
});

Deno.test("a further copy of a version has its number at the end of its key", async () => {
  assert.equal(await dataKey("b", "n", VERSION, 2), `data/b/n/${VERSION}~2`);
  assert.equal(await dataKey("b", "..", VERSION, 3), `${byDigest("b", "..", VERSION)}~3`);
});

/** Texts that Postgres can store, many of them similar to paths, keys or versions. */
const text = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom("a", "/", ".", "..", "~", "~2", "data", VERSION)),
  },
  {
    weight: 1,
    arbitrary: fc.array(anyText({ maxLength: 300 }), { maxLength: 5 }),
  },
).map((parts) => parts.join("").replaceAll("\0", ""));
const version = fc.oneof(fc.uuid(), fc.constantFrom(VERSION, `${VERSION}~2`), text);
const object = fc.record({
  bucket: text,
  name: text,
  version,
  copy: fc.integer({ min: 1, max: 9 }),
});

Deno.test("each (bucket, name, version, copy) has its own key", async () => {
  await fc.assert(
    fc.asyncProperty(object, object, async (one, other) => {
      const [key, otherKey] = await Promise.all(
        [one, other].map(({ bucket, name, version, copy }) => dataKey(bucket, name, version, copy)),
      );
      const same = JSON.stringify(one) === JSON.stringify(other);
      assert.equal(key === otherKey, same, `${key} and ${otherKey}`);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("moving a slash or a version to another part of the name changes the key", async () => {
  const [first, second] = [randomUUID(), randomUUID()];
  const keys = await Promise.all([
    dataKey("a", `b/${first}`, second),
    dataKey("a/b", first, second),
    dataKey("a", "b", `${first}/${second}`),
    dataKey("a", "b", first),
    dataKey("a", "b", second),
    dataKey("~", digestOf("x"), first),
    dataKey("a", `b/${first}~2`, second),
  ]);
  assert.equal(new Set(keys).size, keys.length);
});

Deno.test("the data key stays in the data folder for every name", async () => {
  await fc.assert(
    fc.asyncProperty(object, async ({ bucket, name, version, copy }) => {
      const key = await dataKey(bucket, name, version, copy);
      const segments = key.split("/");
      assert.equal(segments[0], "data");
      assert.ok(segments.every((segment) => !["", ".", ".."].includes(segment)), key);
      assert.ok(new TextEncoder().encode(key).length <= 1_002, "S3 takes 1,024 with the prefix");
      assert.ok(key.isWellFormed());
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("keys of the log sort by sequence and contain it", () => {
  assert.equal(logKey(42), "log/0000000000000042.json");
  const sequence = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  fc.assert(fc.property(sequence, sequence, (one, other) => {
    assert.equal(sequenceOfLogKey(logKey(one)), one);
    assert.equal(logKey(one) < logKey(other), one < other);
  }));
});

Deno.test("a key of another kind has no sequence", () => {
  for (
    const key of [
      "log/1.json",
      "log/0000000000000001.json.bak",
      "log/0000000000000001",
      "log/a/0000000000000001.json",
      "xlog/0000000000000001.json",
      "log/00000000000000001.json",
    ]
  ) {
    assert.equal(sequenceOfLogKey(key), undefined, key);
  }
});

Deno.test("a snapshot's id is its time in seconds and its sequence", () => {
  assert.equal(snapshotId("2026-11-21T02:00:07.123456Z", 12), "20261121T020007Z-12");
  assert.equal(snapshotId("2026-11-21T02:00:07Z", 1), "20261121T020007Z-1");
  assert.equal(snapshotKey("20261121T020007Z-2"), "snapshots/20261121T020007Z-2.json");
  assert.equal(listKey("ab"), "lists/ab.ndjson.gz");
});
