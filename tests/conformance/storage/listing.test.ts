import assert from "node:assert/strict";
import { type Bucket, bucketTest, callJson, encodeMetadata } from "./support.ts";

interface Entry {
  name: string;
  id: string | null;
  metadata: Record<string, unknown> | null;
  [other: string]: unknown;
}

interface Page {
  hasNext: boolean;
  nextCursor?: string;
  folders: Entry[];
  objects: Entry[];
}

const NAMES = ["a.txt", "b/1.txt", "b/2.txt", "b/deep/3.txt", "c.txt", "d/.emptyFolderPlaceholder"];

/** Registers a test with a bucket that holds NAMES. */
function listingTest(name: string, test: (bucket: Bucket) => Promise<void>): void {
  bucketTest(name, async (bucket) => {
    for (const name of NAMES) {
      const body = name.endsWith(".txt") ? name : "";
      await bucket.put(name, body, { "x-metadata": encodeMetadata({ n: 1 }) });
    }
    await test(bucket);
  });
}

function list(bucket: Bucket, json: Record<string, unknown>): Promise<Entry[]> {
  return callJson("POST", `/object/list/${bucket.id}`, { json: { prefix: "", ...json } });
}

function page(bucket: Bucket, json: Record<string, unknown>): Promise<Page> {
  return callJson("POST", `/object/list-v2/${bucket.id}`, { json });
}

function names(entries: Entry[]): string[] {
  return entries.map(({ name }) => name);
}

listingTest("listing: version 1 shows one level, folders without an id", async (bucket) => {
  const top = await list(bucket, {});
  assert.deepEqual(names(top), ["a.txt", "b", "c.txt", "d"]);
  assert.deepEqual(top.map(({ id }) => id === null), [false, true, false, true]);
  assert.deepEqual(names(await list(bucket, { prefix: "b" })), ["1.txt", "2.txt", "deep"]);
  assert.deepEqual(names(await list(bucket, { prefix: "b/" })), ["1.txt", "2.txt", "deep"]);
  assert.deepEqual(names(await list(bucket, { prefix: "d" })), [".emptyFolderPlaceholder"]);
  assert.deepEqual(names(await list(bucket, { prefix: "nowhere" })), []);
});

listingTest("listing: version 1 pages by limit and offset, sorts and searches", async (bucket) => {
  assert.deepEqual(names(await list(bucket, { limit: 2 })), ["a.txt", "b"]);
  assert.deepEqual(names(await list(bucket, { limit: 2, offset: 2 })), ["c.txt", "d"]);
  const sortBy = { column: "name", order: "desc" };
  assert.deepEqual(names(await list(bucket, { sortBy })), ["d", "c.txt", "b", "a.txt"]);
  assert.deepEqual(names(await list(bucket, { prefix: "b", search: "2" })), ["2.txt"]);
  assert.deepEqual(names(await list(bucket, { search: "C.T" })), ["c.txt"]);
  const created = await list(bucket, {
    prefix: "b",
    sortBy: { column: "created_at", order: "desc" },
  });
  assert.deepEqual(names(created).filter((name) => name !== "deep"), ["2.txt", "1.txt"]);
});

listingTest(
  "listing: version 2 lists all names below a prefix, sorted by bytes",
  async (bucket) => {
    await bucket.put("B.txt");
    const all = await page(bucket, {});
    assert.deepEqual(names(all.objects), ["B.txt", ...NAMES]);
    assert.deepEqual([all.folders, all.hasNext], [[], false]);
    const below = await page(bucket, { prefix: "b/" });
    assert.deepEqual(names(below.objects), ["b/1.txt", "b/2.txt", "b/deep/3.txt"]);
    const descending = await page(bucket, {
      prefix: "b/",
      sortBy: { column: "name", order: "desc" },
    });
    assert.deepEqual(names(descending.objects), ["b/deep/3.txt", "b/2.txt", "b/1.txt"]);
  },
);

listingTest("listing: version 2 with a delimiter lists folders separately", async (bucket) => {
  const top = await page(bucket, { with_delimiter: true });
  assert.deepEqual(names(top.objects), ["a.txt", "c.txt"]);
  assert.deepEqual(names(top.folders), ["b/", "d/"]);
  const below = await page(bucket, { with_delimiter: true, prefix: "b/" });
  assert.deepEqual(names(below.objects), ["b/1.txt", "b/2.txt"]);
  assert.deepEqual(names(below.folders), ["b/deep/"]);
});

for (const with_delimiter of [false, true]) {
  for (const column of ["name", "created_at"]) {
    const title = `by ${column}${with_delimiter ? ", with folders" : ""}`;
    listingTest(
      `listing: version 2's cursor returns every entry once, ${title}`,
      async (bucket) => {
        const request = { with_delimiter, sortBy: { column, order: "asc" } };
        const whole = await page(bucket, request);
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const part = await page(bucket, { ...request, limit: 2, cursor });
          seen.push(...names(part.objects), ...names(part.folders));
          assert.equal(part.hasNext, part.nextCursor !== undefined);
          cursor = part.nextCursor;
        } while (cursor);
        const expected = [...names(whole.objects), ...names(whole.folders)];
        assert.deepEqual(seen.toSorted(), expected.toSorted());
      },
    );
  }
}

listingTest("listing: neither version gives version, owner or user metadata", async (bucket) => {
  const entries = [
    ...await list(bucket, {}),
    ...(await page(bucket, {})).objects,
    ...(await page(bucket, { with_delimiter: true })).objects,
  ];
  for (const entry of entries) {
    for (const column of ["version", "owner", "owner_id", "user_metadata"]) {
      assert.equal(entry[column], undefined, column);
    }
  }
  assert.equal(entries[0].metadata?.size, 5);
});
