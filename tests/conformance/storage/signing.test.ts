import assert from "node:assert/strict";
import {
  assertRefused,
  bucketTest,
  call,
  callJson,
  encodeMetadata,
  refusalOf,
  tokenFor,
} from "./support.ts";

const OWNER = "5160ed00-0000-4000-8000-000000000001";

function tokenIn(url: string): string {
  return new URL(url, "http://host").searchParams.get("token") ?? "";
}

bucketTest("signing: a signed URL reads one object without a key", async (bucket) => {
  await bucket.put("dir/a b.txt", "signed");
  await bucket.put("other", "secret");
  const { signedURL } = await callJson<{ signedURL: string }>(
    "POST",
    bucket.path("dir/a b.txt", "/sign"),
    { json: { expiresIn: 60 } },
  );
  assert(signedURL.startsWith(`/object/sign/${bucket.id}/dir/a b.txt?token=`));
  const response = await call("GET", encodeURI(signedURL), { key: null });
  assert.equal(await response.text(), "signed");
  assert(Date.parse(response.headers.get("expires") ?? "") > Date.now());
  const part = await call("GET", encodeURI(signedURL), {
    key: null,
    headers: { range: "bytes=0-1" },
  });
  assert.equal(part.status, 206);
  assert.equal(await part.text(), "si");
  const token = tokenIn(signedURL);
  await assertRefused(call("GET", `${bucket.path("other", "/sign")}?token=${token}`), {
    code: "InvalidSignature",
  });
  await assertRefused(call("GET", `${bucket.path("other", "/sign")}?token=a.b.c`), {
    code: "InvalidJWT",
  });
  await assertRefused(call("GET", bucket.path("other", "/sign")), { code: "InvalidRequest" });
});

bucketTest("signing: signing many reports the missing objects", async (bucket) => {
  await bucket.put("a", "a");
  await bucket.put("b", "b");
  const signed = await callJson<
    { path: string; error: string | null; signedURL: string | null }[]
  >(
    "POST",
    `/object/sign/${bucket.id}`,
    { json: { expiresIn: 60, paths: ["a", "none", "b"] } },
  );
  assert.deepEqual(signed.map(({ path }) => path), ["a", "none", "b"]);
  assert.equal(signed[1].signedURL, null);
  assert.equal(
    signed[1].error,
    "Either the object does not exist or you do not have access to it",
  );
  for (const { path, signedURL, error } of [signed[0], signed[2]]) {
    assert.equal(error, null);
    const response = await call("GET", signedURL ?? "", { key: null });
    assert.equal(await response.text(), path);
  }
});

bucketTest("signing: a signed upload URL writes one object without a key", async (bucket) => {
  const { url, token } = await callJson<{ url: string; token: string }>(
    "POST",
    bucket.path("dir/a", "/upload/sign"),
    { json: {} },
  );
  assert.equal(tokenIn(url), token);
  const upload = () =>
    call("PUT", url, {
      key: null,
      body: "uploaded",
      headers: { "content-type": "text/css", "x-metadata": encodeMetadata({ m: 1 }) },
    });
  const response = await upload();
  assert.deepEqual(await response.json(), { Key: `${bucket.id}/dir/a` });
  assert.equal(await bucket.text("dir/a"), "uploaded");
  const info = await bucket.info("dir/a");
  assert.deepEqual([info.content_type, info.metadata], ["text/css", { m: 1 }]);
  await assertRefused(upload(), { code: "KeyAlreadyExists" });
  await assertRefused(call("POST", bucket.path("dir/a", "/upload/sign"), { json: {} }), {
    code: "KeyAlreadyExists",
  });
});

bucketTest("signing: with x-upsert a signed upload overwrites; it keeps the signer", {
  needs: ["sql", "tokens"],
}, async (bucket) => {
  await bucket.put("a", "old");
  const { url } = await callJson<{ url: string }>("POST", bucket.path("a", "/upload/sign"), {
    json: {},
    headers: { "x-upsert": "true" },
    key: tokenFor("service_role", OWNER),
  });
  const response = await call("PUT", url, { key: null, body: "new" });
  await response.body?.cancel();
  assert.equal(response.status, 200);
  assert.equal(await bucket.text("a"), "new");
  assert.equal((await bucket.row("a"))?.owner_id, OWNER);
});

bucketTest(
  "signing: a token for reading does not write, and a token for writing does not read",
  async (bucket) => {
    await bucket.put("a");
    const read = await callJson<{ signedURL: string }>("POST", bucket.path("a", "/sign"), {
      json: { expiresIn: 60 },
    });
    const write = await callJson<{ token: string }>("POST", bucket.path("a", "/upload/sign"), {
      json: {},
      headers: { "x-upsert": "true" },
    });
    const upload = `${bucket.path("a", "/upload/sign")}?token=${tokenIn(read.signedURL)}`;
    await assertRefused(call("PUT", upload, { key: null, body: "x" }), {
      code: "InvalidSignature",
    });
    const download = `${bucket.path("a", "/sign")}?token=${write.token}`;
    await assertRefused(call("GET", download, { key: null }), { code: "InvalidSignature" });
  },
);

bucketTest("signing: a lifetime must be an integer of at least one second", async (bucket) => {
  await bucket.put("a");
  for (const expiresIn of [0, -1, 1.5, "soon", null]) {
    const refusal = await refusalOf(
      call("POST", bucket.path("a", "/sign"), { json: { expiresIn } }),
    );
    assert.equal(refusal.statusCode, "400");
  }
});
