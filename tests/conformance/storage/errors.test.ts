import assert from "node:assert/strict";
import {
  assertRefused,
  bucketTest,
  call,
  callJson,
  randomName,
  type Refusal,
  refusalOf,
  storageTest,
} from "./support.ts";

const NO_BUCKET: Partial<Refusal> = {
  statusCode: "404",
  error: "Bucket not found",
  message: "Bucket not found",
  code: "NoSuchBucket",
};
const NO_KEY: Partial<Refusal> = {
  statusCode: "404",
  error: "not_found",
  message: "Object not found",
  code: "NoSuchKey",
};

storageTest("errors: a missing bucket is NoSuchBucket, with HTTP 400", [], async () => {
  const id = randomName("none");
  await assertRefused(call("GET", `/bucket/${id}`), NO_BUCKET);
  await assertRefused(call("PUT", `/bucket/${id}`, { json: { public: true } }), NO_BUCKET);
  await assertRefused(call("DELETE", `/bucket/${id}`, { json: {} }), NO_BUCKET);
  await assertRefused(call("POST", `/bucket/${id}/empty`, { json: {} }), NO_BUCKET);
  for (const route of ["", "/authenticated", "/public", "/info", "/info/authenticated"]) {
    await assertRefused(call("GET", `/object${route}/${id}/a`), NO_BUCKET);
  }
  await assertRefused(call("POST", `/object/${id}/a`, { body: "x" }), NO_BUCKET);
  await assertRefused(call("PUT", `/object/${id}/a`, { body: "x" }), NO_BUCKET);
});

bucketTest("errors: an object without a row is NoSuchKey, error not_found", async (bucket) => {
  for (const route of ["", "/authenticated", "/info", "/info/authenticated"]) {
    await assertRefused(call("GET", bucket.path("a", route)), NO_KEY);
  }
  await assertRefused(call("DELETE", bucket.path("a")), NO_KEY);
  for (const action of ["copy", "move"]) {
    const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
    await assertRefused(call("POST", `/object/${action}`, { json }), NO_KEY);
  }
  await assertRefused(
    call("POST", bucket.path("a", "/sign"), { json: { expiresIn: 60 } }),
    NO_KEY,
  );
});

bucketTest("errors: HEAD of a missing object is HTTP 400 without a body", async (bucket) => {
  for (const route of ["", "/authenticated"]) {
    const response = await call("HEAD", bucket.path("a", route));
    assert.equal(response.status, 400);
    assert.equal(await response.text(), "");
  }
});

storageTest("errors: listing a missing bucket is 200 and empty", [], async () => {
  const id = randomName("none");
  assert.deepEqual(await callJson("POST", `/object/list/${id}`, { json: { prefix: "" } }), []);
  const page = await callJson<Record<string, unknown>>("POST", `/object/list-v2/${id}`, {
    json: {},
  });
  assert.deepEqual([page.objects, page.folders, page.hasNext], [[], [], false]);
});

bucketTest(
  "errors: deleting many returns the existing objects; a missing bucket has none",
  async (bucket) => {
    await bucket.put("a");
    const remove = (id: string, prefixes: string[]) =>
      callJson<{ name: string }[]>("DELETE", `/object/${id}`, { json: { prefixes } });
    assert.deepEqual(await remove(randomName("none"), ["a"]), []);
    assert.deepEqual((await remove(bucket.id, ["a", "b"])).map(({ name }) => name), ["a"]);
    assert.deepEqual(await remove(bucket.id, ["a"]), []);
  },
);

bucketTest("errors: a request needs a token, and a bad token is refused", async (bucket) => {
  const without = await refusalOf(
    call("GET", bucket.path("a", "/authenticated"), { key: null }),
  );
  assert(without.status === 400 || without.status === 401, JSON.stringify(without));
  const bad = await refusalOf(
    call("GET", bucket.path("a", "/authenticated"), { key: "a.b.c" }),
  );
  assert(bad.status === 400 || bad.status === 401, JSON.stringify(bad));
});

bucketTest(
  "errors: a bad token is AccessDenied with HTTP 400",
  { needs: ["stand-in"] },
  async (bucket) => {
    for (const key of ["not a token", "a.b.c", "e30.e30.e30"]) {
      await assertRefused(call("GET", bucket.path("a", "/authenticated"), { key }), {
        statusCode: "403",
        error: "Unauthorized",
        code: "AccessDenied",
      });
    }
    await assertRefused(call("GET", bucket.path("a", "/authenticated"), { key: null }), {
      statusCode: "400",
      error: "Error",
      message: "headers must have required property 'authorization'",
      code: "InvalidRequest",
    });
    // The public route reports a private bucket as missing.
    await assertRefused(call("GET", bucket.path("a"), { key: null }), { code: "NoSuchBucket" });
    await assertRefused(call("GET", bucket.path("a", "/public")), { code: "NoSuchBucket" });
  },
);

bucketTest("errors: malformed bodies are refused with their own code", async (bucket) => {
  const cases: [string, string, unknown][] = [
    ["POST", "/object/move", { bucketId: bucket.id, sourceKey: "a" }],
    ["POST", "/object/copy", { sourceKey: "a", destinationKey: "b" }],
    ["DELETE", `/object/${bucket.id}`, { prefixes: [] }],
    ["DELETE", `/object/${bucket.id}`, {}],
    ["POST", `/object/list/${bucket.id}`, {}],
    ["POST", `/object/list/${bucket.id}`, { prefix: "", limit: 0 }],
    ["POST", `/object/sign/${bucket.id}/a`, {}],
    ["POST", "/bucket", {}],
  ];
  for (const [method, path, json] of cases) {
    const refusal = await refusalOf(call(method, path, { json }));
    assert.equal(refusal.statusCode, "400", `${method} ${path}: ${JSON.stringify(refusal)}`);
    assert.equal(refusal.code, "InvalidRequest");
  }
  const refusal = await refusalOf(
    call("POST", "/bucket", { body: "{", headers: { "content-type": "application/json" } }),
  );
  assert.equal(refusal.statusCode, "400");
});

storageTest("errors: an unknown route is 404", [], async () => {
  const refusal = await refusalOf(call("GET", "/nowhere"));
  assert.equal(refusal.status, 404);
});

bucketTest("errors: copying or moving into a missing bucket", async (bucket) => {
  await bucket.put("a");
  for (const action of ["copy", "move"]) {
    const json = {
      ...{ bucketId: bucket.id, sourceKey: "a", destinationKey: "b" },
      destinationBucket: randomName("none"),
    };
    const refusal = await refusalOf(call("POST", `/object/${action}`, { json }));
    assert.equal(refusal.statusCode, "404", JSON.stringify(refusal));
  }
  assert.equal(await bucket.text("a"), "x");
});
