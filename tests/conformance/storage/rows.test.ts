/** The effect on the rows of every operation in Storage's reference. */
import assert from "node:assert/strict";
import {
  type Bucket,
  bucketTest,
  call,
  callJson,
  encodeMetadata,
  type Row,
  sqlOf,
  tokenFor,
  until,
} from "./support.ts";

const OWNER = "8f3f2e52-7b0b-4b5e-9a37-6f3c0a6f3d11";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The effect on a column: kept, changed, or the exact value. */
type Effect = "kept" | "new" | { is: unknown };

interface Operation {
  name: string;
  act: (bucket: Bucket) => Promise<unknown>;
  /** The row's path afterwards; `null` if it must be deleted. */
  at: string | null;
  effects?: Record<"id" | "version" | "created_at" | "owner_id" | "user_metadata", Effect>;
  /** Fields that the row's metadata must have afterwards. */
  metadata?: Record<string, unknown>;
}

const NEW_UPLOAD = {
  method: "POST",
  headers: { "content-type": "text/css", "x-upsert": "true" },
};

const OPERATIONS: Operation[] = [
  {
    name: "upload with upsert",
    act: (bucket) =>
      callJson("POST", bucket.path("a"), { body: "new", headers: NEW_UPLOAD.headers }),
    at: "a",
    effects: {
      ...{ id: "kept", version: "new", created_at: "kept", owner_id: "kept" },
      user_metadata: { is: {} },
    },
    metadata: { mimetype: "text/css", cacheControl: "no-cache", size: 3, contentLength: 3 },
  },
  {
    name: "upload of the same bytes",
    act: (bucket) =>
      callJson("POST", bucket.path("a"), {
        body: "old",
        headers: {
          "x-upsert": "true",
          "content-type": "text/plain",
          "cache-control": "max-age=60",
          "x-metadata": encodeMetadata({ color: "red" }),
        },
      }),
    at: "a",
    effects: {
      ...{ id: "kept", version: "new", created_at: "kept", owner_id: "kept" },
      user_metadata: { is: { color: "red" } },
    },
    metadata: { mimetype: "text/plain", cacheControl: "max-age=60", size: 3 },
  },
  {
    name: "update",
    act: (bucket) => callJson("PUT", bucket.path("a"), { body: "newer", headers: {} }),
    at: "a",
    effects: {
      ...{ id: "kept", version: "new", created_at: "kept", owner_id: "kept" },
      user_metadata: { is: {} },
    },
    metadata: { size: 5, cacheControl: "no-cache" },
  },
  {
    name: "move",
    act: (bucket) =>
      callJson("POST", "/object/move", {
        json: { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" },
      }),
    at: "b",
    effects: {
      ...{ id: "kept", version: "new", created_at: "kept", owner_id: "kept" },
      user_metadata: "kept",
    },
    metadata: { mimetype: "text/plain", cacheControl: "max-age=60", size: 3 },
  },
  {
    name: "copy",
    act: (bucket) =>
      callJson("POST", "/object/copy", {
        json: { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" },
      }),
    at: "b",
    effects: {
      ...{ id: "new", version: "new", created_at: "new", owner_id: { is: null } },
      user_metadata: "kept",
    },
    metadata: { mimetype: "text/plain", cacheControl: "max-age=60", size: 3 },
  },
  {
    name: "copy without the metadata",
    act: (bucket) =>
      callJson("POST", "/object/copy", {
        json: {
          ...{ bucketId: bucket.id, sourceKey: "a", destinationKey: "b" },
          ...{ copyMetadata: false, metadata: { mimetype: "text/css", cacheControl: "max-age=1" } },
        },
      }),
    at: "b",
    effects: {
      ...{ id: "new", version: "new", created_at: "new", owner_id: { is: null } },
      user_metadata: { is: null },
    },
    metadata: { mimetype: "text/css", cacheControl: "max-age=1", size: 3 },
  },
  {
    name: "delete of one",
    act: (bucket) => callJson("DELETE", bucket.path("a")),
    at: null,
  },
  {
    name: "delete of many",
    act: (bucket) => callJson("DELETE", `/object/${bucket.id}`, { json: { prefixes: ["a", "z"] } }),
    at: null,
  },
  {
    name: "empty",
    act: async (bucket) => {
      await callJson("POST", `/bucket/${bucket.id}/empty`, { json: {} });
      await until(async () => await bucket.row("a") === undefined);
    },
    at: null,
  },
  {
    name: "update of the bucket",
    act: (bucket) => callJson("PUT", `/bucket/${bucket.id}`, { json: { public: true } }),
    at: "a",
    effects: {
      ...{ id: "kept", version: "kept", created_at: "kept", owner_id: "kept" },
      user_metadata: "kept",
    },
    metadata: { mimetype: "text/plain", cacheControl: "max-age=60", size: 3 },
  },
  {
    name: "delete of the bucket, refused as long as it is not empty",
    act: async (bucket) => {
      const response = await call("DELETE", `/bucket/${bucket.id}`, { json: {} });
      assert.equal((await response.json()).code, "ResourceNotEmpty");
    },
    at: "a",
    effects: {
      ...{ id: "kept", version: "kept", created_at: "kept", owner_id: "kept" },
      user_metadata: "kept",
    },
  },
  {
    name: "plain SQL update",
    act: () =>
      sqlOf()`update storage.objects set user_metadata = '{"by": "sql"}' where owner_id = ${OWNER}`,
    at: "a",
    effects: {
      ...{ id: "kept", version: "kept", created_at: "kept", owner_id: "kept" },
      user_metadata: { is: { by: "sql" } },
    },
  },
];

for (const operation of OPERATIONS) {
  bucketTest(`rows: ${operation.name}`, { needs: ["sql"] }, async (bucket) => {
    const before = await seed(bucket);
    await operation.act(bucket);
    if (operation.at === null) return assert.equal(await bucket.row("a"), undefined);
    const after = await bucket.row(operation.at);
    assert(after);
    for (const [column, effect] of Object.entries(operation.effects ?? {})) {
      assertEffect(column as keyof Row, effect, before, after);
    }
    for (const [key, value] of Object.entries(operation.metadata ?? {})) {
      assert.deepEqual(after.metadata?.[key], value, key);
    }
    if (operation.name === "move") assert.equal(await bucket.row("a"), undefined);
  });
}

/** An object with all metadata: an owner, user metadata, a type, a cache control. */
async function seed(bucket: Bucket): Promise<Row> {
  await bucket.put("a", "old", {
    "cache-control": "max-age=60",
    "x-metadata": encodeMetadata({ color: "blue" }),
  });
  await sqlOf()`
    update storage.objects set owner_id = ${OWNER}, created_at = now() - interval '1 day'
    where bucket_id = ${bucket.id} and name = 'a'`;
  const row = await bucket.row("a");
  assert(row);
  assert.match(row.version ?? "", UUID);
  return row;
}

function assertEffect(column: keyof Row, effect: Effect, before: Row, after: Row): void {
  const what = `${column} of ${JSON.stringify(after)}`;
  if (effect === "kept") assert.deepEqual(after[column], before[column], what);
  else if (effect === "new") assert.notDeepEqual(after[column], before[column], what);
  else assert.deepEqual(after[column], effect.is, what);
}

bucketTest("rows: an upload sets all columns of the row", { needs: ["sql"] }, async (bucket) => {
  await bucket.put("new", "hello", {
    "content-type": "text/css; charset=utf-8",
    "cache-control": "public, max-age=7",
    "x-metadata": encodeMetadata({ deep: { er: [1, "ü"] } }),
  });
  const row = await bucket.row("new");
  assert(row);
  const { lastModified, eTag, ...metadata } = row.metadata ?? {};
  assert.match(String(eTag), /^".+"$/);
  assert.deepEqual(metadata, {
    size: 5,
    mimetype: "text/css; charset=utf-8",
    cacheControl: "public, max-age=7",
    contentLength: 5,
    httpStatusCode: 200,
  });
  assert.match(String(lastModified), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(row.user_metadata, { deep: { er: [1, "ü"] } });
  assert.equal(row.owner_id, null);
  assert.equal(row.owner, null);
  assert.match(row.version ?? "", UUID);
  assert.equal(row.updated_at, row.created_at);
});

bucketTest(
  "rows: the owner comes only from the token's sub",
  { needs: ["sql", "tokens"] },
  async (bucket) => {
    await bucket.put("uuid", "x", {}, tokenFor("service_role", OWNER));
    await bucket.put("other", "x", { "x-owner": "me" }, tokenFor("service_role", "someone"));
    assert.equal((await bucket.row("uuid"))?.owner_id, OWNER);
    assert.equal((await bucket.row("uuid"))?.owner, OWNER);
    assert.equal((await bucket.row("other"))?.owner_id, "someone");
    // The deprecated column is a uuid.
    assert.equal((await bucket.row("other"))?.owner, null);
  },
);

bucketTest(
  "rows: a plain SQL update bumps updated_at, an overwrite does too",
  { needs: ["sql"] },
  async (bucket) => {
    const before = await seed(bucket);
    await sqlOf()`update storage.objects set user_metadata = '{}' where bucket_id = ${bucket.id}`;
    const edited = await bucket.row("a");
    assert(edited && edited.updated_at > before.updated_at);
    assert.equal(edited.version, before.version);
    await bucket.put("a", "old");
    const overwritten = await bucket.row("a");
    assert(overwritten && overwritten.updated_at > edited.updated_at);
  },
);
