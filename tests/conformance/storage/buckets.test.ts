import assert from "node:assert/strict";
import {
  assertRefused,
  bucketTest,
  call,
  callJson,
  randomName,
  removeBucket,
  sqlOf,
  storageTest,
} from "./support.ts";

interface ShownBucket {
  id: string;
  name: string;
  public: boolean;
  file_size_limit: number | null;
  allowed_mime_types: string[] | null;
}

bucketTest("buckets: created with settings, read back, partly updated", {
  settings: { file_size_limit: 1000, allowed_mime_types: ["image/*", "text/plain"] },
}, async ({ id }) => {
  const get = () => callJson<ShownBucket>("GET", `/bucket/${id}`);
  const update = (json: unknown) => callJson("PUT", `/bucket/${id}`, { json });
  const settingsOf = async () => {
    const { public: isPublic, file_size_limit, allowed_mime_types } = await get();
    return [isPublic, file_size_limit, allowed_mime_types];
  };
  assert.deepEqual(await settingsOf(), [false, 1000, ["image/*", "text/plain"]]);
  assert.deepEqual(await update({ public: true }), { message: "Successfully updated" });
  assert.deepEqual(await settingsOf(), [true, 1000, ["image/*", "text/plain"]]);
  await update({ file_size_limit: "2MB" });
  assert.deepEqual(await settingsOf(), [true, 2_000_000, ["image/*", "text/plain"]]);
  await update({ file_size_limit: null, allowed_mime_types: null });
  assert.deepEqual(await settingsOf(), [true, null, null]);
  const listed = await callJson<ShownBucket[]>("GET", "/bucket");
  assert.deepEqual(listed.filter((bucket) => bucket.id === id).map(({ name }) => name), [id]);
});

bucketTest("buckets: an existing id is BucketAlreadyExists", async ({ id }) => {
  await assertRefused(call("POST", "/bucket", { json: { id, name: id } }), {
    statusCode: "409",
    error: "Duplicate",
    message: "The resource already exists",
    code: "BucketAlreadyExists",
  });
});

storageTest(
  "buckets: paths and rows go by the id, which may differ from the name",
  [],
  async () => {
    const [id, name] = [randomName("id"), randomName("name")];
    await callJson("POST", "/bucket", { json: { id, name } });
    try {
      assert.equal((await callJson<ShownBucket>("GET", `/bucket/${id}`)).name, name);
      await assertRefused(call("GET", `/bucket/${name}`), { code: "NoSuchBucket" });
      await callJson("POST", `/object/${id}/a`, { body: "x" });
      const info = await callJson<{ bucket_id: string }>("GET", `/object/info/${id}/a`);
      assert.equal(info.bucket_id, id);
    } finally {
      await removeBucket(id);
    }
  },
);

bucketTest("buckets: no operation bumps updated_at", { needs: ["sql"] }, async (bucket) => {
  const updatedAt = async () => {
    const [row] = await sqlOf()<{ at: string }[]>`
        select updated_at::text as at from storage.buckets where id = ${bucket.id}`;
    return row.at;
  };
  const before = await updatedAt();
  await callJson("PUT", `/bucket/${bucket.id}`, { json: { public: true } });
  await bucket.put("a");
  await sqlOf()`update storage.buckets set file_size_limit = 7 where id = ${bucket.id}`;
  assert.equal(await updatedAt(), before);
});

bucketTest("buckets: one with objects cannot be deleted, an emptied one can", async (bucket) => {
  await bucket.put("a");
  await assertRefused(call("DELETE", `/bucket/${bucket.id}`, { json: {} }), {
    statusCode: "409",
    message: "The bucket you tried to delete is not empty",
  });
  await removeBucket(bucket.id);
  await assertRefused(call("GET", `/bucket/${bucket.id}`), { code: "NoSuchBucket" });
});

storageTest(
  "buckets: unusual ids work, invalid ids and invalid limits are refused",
  [],
  async () => {
    for (const id of [randomName("a b"), randomName("d.o.t"), randomName("(x)'*!&$@=;:+,?")]) {
      await callJson("POST", "/bucket", { json: { id, name: id } });
      try {
        const path = `/object/${encodeURIComponent(id)}/a`;
        await callJson("POST", path, { body: "x" });
        const response = await call("GET", path);
        assert.equal(await response.text(), "x");
      } finally {
        await removeBucket(id);
      }
    }
    for (const name of ["", " a", "a ", "a/b", "ä", "a#b", "n".repeat(101)]) {
      await assertRefused(call("POST", "/bucket", { json: { id: name, name } }), {
        statusCode: "400",
        error: "Invalid Input",
        code: "InvalidBucketName",
      });
    }
    const name = randomName("bad");
    const limits: Record<string, unknown>[] = [
      { allowed_mime_types: ["nonsense"] },
      { file_size_limit: "much" },
      { file_size_limit: -1 },
    ];
    for (const limit of limits) {
      const response = await call("POST", "/bucket", { json: { name, ...limit } });
      await response.body?.cancel();
      assert.equal(response.ok, false, JSON.stringify(limit));
    }
    await assertRefused(call("GET", `/bucket/${name}`), { code: "NoSuchBucket" });
  },
);

bucketTest("buckets: a public one serves anyone, a private one requires a token", {
  settings: { public: true },
}, async (bucket) => {
  await bucket.put("a", "public");
  for (const route of ["/public", ""]) {
    const response = await call("GET", bucket.path("a", route), { key: null });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "public");
    const head = await call("HEAD", bucket.path("a", route), { key: null });
    assert.equal(head.headers.get("content-length"), "6");
  }
  const info = await call("GET", bucket.path("a", "/info/public"), { key: null });
  assert.equal((await info.json()).name, "a");
  await callJson("PUT", `/bucket/${bucket.id}`, { json: { public: false } });
  const nonce = `?cacheNonce=${crypto.randomUUID()}`;
  await assertRefused(call("GET", bucket.path("a", "/public") + nonce, { key: null }), {
    code: "NoSuchBucket",
  });
});

bucketTest("buckets: versioning is switched off by a check", { needs: ["sql"] }, async ({ id }) => {
  const [column] = await sqlOf()`
      select from information_schema.columns
      where table_schema = 'storage' and table_name = 'buckets'
        and column_name = 'versioning_status'`;
  // Older projects do not have this column.
  if (!column) return;
  await assert.rejects(
    sqlOf()`update storage.buckets set versioning_status = 'ENABLED' where id = ${id}`
      .then(() => {}),
    { code: "23514" },
  );
});
