import assert from "node:assert/strict";
import {
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import { type S3Context, s3Test } from "./context.ts";

type Query = Omit<Partial<ListObjectsV2CommandInput>, "Bucket">;

/** Lists below the test's prefix; names are returned without it. */
async function list(s3: S3Context, query: Query = {}) {
  const short = (name = "") => name.slice(s3.key("").length);
  const page: ListObjectsV2CommandOutput = await s3.client.send(
    new ListObjectsV2Command({
      Bucket: s3.bucket,
      ...query,
      Prefix: s3.key(query.Prefix ?? ""),
      StartAfter: query.StartAfter && s3.key(query.StartAfter),
    }),
  );
  return {
    page,
    keys: (page.Contents ?? []).map(({ Key }) => short(Key)),
    prefixes: (page.CommonPrefixes ?? []).map(({ Prefix }) => short(Prefix)),
  };
}

async function putAll(s3: S3Context, names: readonly string[]) {
  await Promise.all(names.map((name) => s3.put(name, name)));
}

s3Test("a listing contains key, size, ETag and time", async (s3) => {
  const key = await s3.put("object", "12345");
  const { page } = await list(s3);
  assert.equal(page.KeyCount, 1);
  assert.equal(page.IsTruncated, false);
  const [entry] = page.Contents ?? [];
  assert.deepEqual([entry.Key, entry.Size], [key, 5]);
  assert.equal(entry.ETag, '"827ccb0eea8a706c4c34a16891f84e7b"');
  assert.ok(Math.abs(Date.now() - Number(entry.LastModified)) < 60_000);
});

s3Test("keys are listed in the order of their UTF-8 bytes", async (s3) => {
  const sorted = ["-", "0", "A", "Z", "_", "a", "a b", "a+b", "a/", "a/b", "aa", "é", "～", "🦀"];
  await putAll(s3, sorted.toReversed());
  assert.deepEqual((await list(s3)).keys, sorted);
});

s3Test("a prefix and a delimiter make folders", async (s3) => {
  await putAll(s3, ["a", "b/1", "b/2", "b/c/3", "b0", "d/4"]);
  const top = await list(s3, { Delimiter: "/" });
  assert.deepEqual(top.keys, ["a", "b0"]);
  assert.deepEqual(top.prefixes, ["b/", "d/"]);
  const below = await list(s3, { Prefix: "b/", Delimiter: "/" });
  assert.deepEqual(below.keys, ["b/1", "b/2"]);
  assert.deepEqual(below.prefixes, ["b/c/"]);
  const everything = await list(s3, { Prefix: "b" });
  assert.deepEqual(everything.keys, ["b/1", "b/2", "b/c/3", "b0"]);
});

s3Test("a page continues where the previous one ended, and folders count as keys", async (s3) => {
  const names = ["a", "b/1", "b/2", "b/3", "c", "d/1", "d/2", "e"];
  await putAll(s3, names);
  for (const Delimiter of [undefined, "/"]) {
    for (const MaxKeys of [1, 2, 3]) {
      const found: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const { page, keys, prefixes } = await list(s3, { Delimiter, MaxKeys, ContinuationToken });
        assert.ok(keys.length + prefixes.length <= MaxKeys);
        assert.equal(page.KeyCount, keys.length + prefixes.length);
        assert.equal(page.IsTruncated, page.NextContinuationToken !== undefined);
        found.push(...keys, ...prefixes);
        assert.ok(found.length <= names.length, "pages repeat themselves");
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      const expected = Delimiter === undefined ? names : ["a", "b/", "c", "d/", "e"];
      assert.deepEqual(found.toSorted(), expected, `${Delimiter} ${MaxKeys}`);
    }
  }
});

s3Test("start-after begins after a key, which may be missing", async (s3) => {
  await putAll(s3, ["a", "b", "c", "d"]);
  assert.deepEqual((await list(s3, { StartAfter: "b" })).keys, ["c", "d"]);
  assert.deepEqual((await list(s3, { StartAfter: "bb" })).keys, ["c", "d"]);
  assert.deepEqual((await list(s3, { StartAfter: "d" })).keys, []);
});

s3Test("a page has at most 1,000 keys, and none if none are requested", async (s3) => {
  const names = Array.from({ length: 1003 }, (_, index) => String(index).padStart(4, "0"));
  for (let start = 0; start < names.length; start += 100) {
    await putAll(s3, names.slice(start, start + 100));
  }
  const first = await list(s3, { MaxKeys: 5000 });
  assert.equal(first.keys.length, 1000);
  const rest = await list(s3, { ContinuationToken: first.page.NextContinuationToken });
  assert.deepEqual([...first.keys, ...rest.keys], names);
  assert.equal(rest.page.IsTruncated, false);
  const none = await list(s3, { MaxKeys: 0 });
  assert.deepEqual([none.keys, none.page.IsTruncated], [[], false]);
});

s3Test("encoding-type=url encodes names that XML cannot contain", async (s3) => {
  const names = ["a b", "a+b", "a&b<c>", "control\u0001", "ü", "new\nline"];
  await putAll(s3, names);
  const url = s3.url("", {
    "list-type": "2",
    prefix: s3.key(""),
    "encoding-type": "url",
    delimiter: "^",
  });
  const { text } = await s3.request(url);
  const found = [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) =>
    decodeURIComponent(key.replaceAll("+", " ")).slice(s3.key("").length)
  );
  assert.deepEqual(found.toSorted(), names.toSorted());
  assert.match(text, /<EncodingType>url<\/EncodingType>/);
});

s3Test("version 1 pages by the last key", async (s3) => {
  await putAll(s3, ["a", "b/1", "b/2", "c"]);
  const place = { Bucket: s3.bucket, Prefix: s3.key("") };
  const first = await s3.client.send(new ListObjectsCommand({ ...place, MaxKeys: 2 }));
  const keys = (first.Contents ?? []).map(({ Key }) => Key);
  assert.deepEqual(keys, [s3.key("a"), s3.key("b/1")]);
  assert.equal(first.IsTruncated, true);
  const second = await s3.client.send(new ListObjectsCommand({ ...place, Marker: keys[1] }));
  assert.deepEqual(second.Contents?.map(({ Key }) => Key), [s3.key("b/2"), s3.key("c")]);

  const folders = await s3.client.send(
    new ListObjectsCommand({ ...place, Delimiter: "/", MaxKeys: 2 }),
  );
  assert.deepEqual(folders.CommonPrefixes?.map(({ Prefix }) => Prefix), [s3.key("b/")]);
  assert.equal(folders.NextMarker, s3.key("b/"));
  const last = await s3.client.send(
    new ListObjectsCommand({ ...place, Delimiter: "/", Marker: folders.NextMarker }),
  );
  assert.deepEqual(last.Contents?.map(({ Key }) => Key), [s3.key("c")]);
});

s3Test("a listing shows what was just put and not what was just deleted", async (s3) => {
  const url = s3.url(await s3.put("object"));
  assert.deepEqual((await list(s3)).keys, ["object"]);
  await s3.request(url, { method: "DELETE" });
  assert.deepEqual((await list(s3)).keys, []);
});

s3Test("a page size that is not a number is refused", async (s3) => {
  const answer = await s3.request(s3.url("", { "list-type": "2", "max-keys": "many" }));
  assert.deepEqual([answer.status, answer.code], [400, "InvalidArgument"]);
});
