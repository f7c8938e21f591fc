import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { s3Test } from "./context.ts";
import { sha256Hex } from "./http.ts";
import { sendRaw } from "./raw.ts";

const BODY = new TextEncoder().encode("bytes that are on their way");
const OTHER = new TextEncoder().encode("other bytes");

s3Test("the body's SHA-256 is verified if it is signed", async (s3) => {
  const url = s3.url(s3.key("object"));
  const headers = { "x-amz-content-sha256": await sha256Hex(OTHER) };
  const wrong = await s3.request(url, { method: "PUT", body: BODY, headers });
  assert.deepEqual([wrong.status, wrong.code], [400, "XAmzContentSHA256Mismatch"]);
  assert.equal(await s3.read(s3.key("object")), undefined);

  const right = await s3.request(url, {
    method: "PUT",
    body: BODY,
    headers: { "x-amz-content-sha256": await sha256Hex(BODY) },
  });
  assert.equal(right.status, 200);
});

s3Test("a body may be unsigned, but a malformed signature value is refused", async (s3) => {
  const url = s3.url(s3.key("object"));
  const unsigned = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
  assert.equal(
    (await s3.request(url, { method: "PUT", body: BODY, headers: unsigned })).status,
    200,
  );
  const nonsense = { "x-amz-content-sha256": "nonsense" };
  const answer = await s3.request(url, { method: "PUT", body: BODY, headers: nonsense });
  assert.equal(answer.status, 400);
});

s3Test("the SDK signs a Uint8Array with its real SHA-256", async (s3) => {
  const sent: string[] = [];
  s3.client.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      sent.push(headers["x-amz-content-sha256"]);
      return next(args);
    },
    { step: "finalizeRequest", priority: "low" },
  );
  const Key = s3.key("object");
  await s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: BODY }));
  assert.deepEqual(sent, [await sha256Hex(BODY)]);
  assert.deepEqual(await s3.read(Key), BODY);
});

s3Test("Content-MD5 is verified", async (s3) => {
  const url = s3.url(s3.key("object"));
  const put = (body: Uint8Array<ArrayBuffer>, md5: string) =>
    s3.request(url, { method: "PUT", body, headers: { "content-md5": md5 } });
  const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("base64");

  const wrong = await put(BODY, md5(OTHER));
  assert.deepEqual([wrong.status, wrong.code], [400, "BadDigest"]);
  const invalid = await put(BODY, "nonsense");
  assert.deepEqual([invalid.status, invalid.code], [400, "InvalidDigest"]);
  assert.equal(await s3.read(s3.key("object")), undefined);
  assert.equal((await put(BODY, md5(BODY))).status, 200);
});

s3Test("a stream has no length and is refused, even an empty one", async (s3) => {
  const url = s3.url(s3.key("object"));
  for (const bytes of [BODY, new Uint8Array(0)]) {
    const body = new Blob([bytes]).stream();
    const answer = await s3.request(url, { method: "PUT", body });
    assert.deepEqual([answer.status, answer.code], [411, "MissingContentLength"]);
  }
  assert.equal(await s3.read(s3.key("object")), undefined);
});

s3Test("a PUT without a stated length is refused", async (s3) => {
  const signed = await s3.sign(s3.url(s3.key("object")), { method: "PUT" });
  const answer = await sendRaw(signed, []);
  assert.match(answer, /^HTTP\/1\.1 411 /);
  assert.match(answer, /<Code>MissingContentLength<\/Code>/);
});

s3Test("fetch sends the length of a Uint8Array, a Blob and an unread response", async (s3) => {
  const source = await s3.put("source", BODY);
  const { method, url, headers } = await s3.sign(s3.url(source));
  const response = await fetch(url, { method, headers });
  const bodies = { bytes: BODY, blob: new Blob([BODY]), answer: response.body ?? "" };
  for (const [name, body] of Object.entries(bodies)) {
    const answer = await s3.request(s3.url(s3.key(name)), { method: "PUT", body });
    assert.equal(answer.status, 200, name);
    assert.deepEqual(await s3.read(s3.key(name)), BODY, name);
  }
});

s3Test("an empty object is an empty Uint8Array", async (s3) => {
  const Key = s3.key("empty");
  await s3.client.send(
    new PutObjectCommand({ Bucket: s3.bucket, Key, Body: new Uint8Array(0) }),
  );
  assert.deepEqual(await s3.read(Key), new Uint8Array(0));
});

s3Test("a body that is cut short stores nothing", async (s3) => {
  const key = s3.key("object");
  const headers = { "content-length": "1000000" };
  const signed = await s3.sign(s3.url(key), { method: "PUT", headers });
  await sendRaw(signed, [new Uint8Array(300_000)], { hangUp: true });
  assert.equal(await s3.read(key), undefined);
});

s3Test("a source that is cut short aborts a PUT that passes it through", async (s3) => {
  const source = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    let pulls = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (pulls++ === 0) controller.enqueue(new Uint8Array(1000));
        else controller.close();
      },
    });
    return new Response(body, { headers: { "content-length": "5000" } });
  });
  const key = s3.key("object");
  try {
    const { body } = await fetch(`http://127.0.0.1:${source.addr.port}/`);
    const { method, url, headers } = await s3.sign(s3.url(key), { method: "PUT" });
    await assert.rejects(fetch(url, { method, headers, body }));
  } finally {
    await source.shutdown();
  }
  assert.equal(await s3.read(key), undefined);
});

s3Test("a request with Expect: 100-continue gets 100 Continue", async (s3) => {
  const headers = { expect: "100-continue", "content-length": String(BODY.byteLength) };
  const signed = await s3.sign(s3.url(s3.key("object")), { method: "PUT", headers });
  const answer = await sendRaw(signed, [BODY]);
  assert.match(answer, /^HTTP\/1\.1 100 .*HTTP\/1\.1 200 /s);
});
