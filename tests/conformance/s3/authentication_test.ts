import assert from "node:assert/strict";
import { s3Test } from "./context.ts";
import { send, signingDate } from "./http.ts";

s3Test("a request without a signature is refused", async (s3) => {
  const url = s3.url(await s3.put("object"));
  const answer = await send({ method: "GET", url, headers: new Headers() });
  assert.equal(answer.status, 403);
  assert.equal(answer.code, "AccessDenied");
});

s3Test("an unknown key and a wrong secret have different codes", async (s3) => {
  const url = s3.url(await s3.put("object"));
  const stranger = await s3.request(url, { sign: { accessKeyId: "NOBODYHASTHISKEY0000" } });
  assert.deepEqual([stranger.status, stranger.code], [403, "InvalidAccessKeyId"]);
  const impostor = await s3.request(url, { sign: { secretAccessKey: "not the secret" } });
  assert.deepEqual([impostor.status, impostor.code], [403, "SignatureDoesNotMatch"]);
});

s3Test("a signature more than 15 minutes off is refused, in both directions", async (s3) => {
  const url = s3.url(await s3.put("object"));
  for (const minutes of [-16, 16]) {
    const sign = { datetime: signingDate(minutes * 60) };
    const answer = await s3.request(url, { sign });
    assert.deepEqual([answer.status, answer.code], [403, "RequestTimeTooSkewed"]);
  }
  for (const minutes of [-14, 14]) {
    const answer = await s3.request(url, { sign: { datetime: signingDate(minutes * 60) } });
    assert.equal(answer.status, 200);
  }
});

s3Test("a signature is valid only for its path, query, method and headers", async (s3) => {
  const key = await s3.put("object");
  await s3.put("other");
  const signed = await s3.sign(s3.url(key), { headers: { "x-amz-meta-a": "1" } });

  const otherPath = { ...signed, url: s3.url(s3.key("other")) };
  const otherQuery = { ...signed, url: s3.url(key, { "response-content-type": "text/html" }) };
  const otherMethod = { ...signed, method: "HEAD" };
  const otherHeaders = { ...signed, headers: new Headers(signed.headers) };
  otherHeaders.headers.set("x-amz-meta-a", "2");

  assert.equal((await send(signed)).status, 200);
  assert.equal((await send(otherMethod)).status, 403);
  for (const tampered of [otherPath, otherQuery, otherHeaders]) {
    const answer = await send(tampered);
    assert.deepEqual([answer.status, answer.code], [403, "SignatureDoesNotMatch"]);
  }
});

s3Test("an x-amz- header that is not signed", async (s3) => {
  const signed = await s3.sign(s3.url(s3.key("object")), { method: "PUT" });
  signed.headers.set("x-amz-meta-smuggled", "in");
  const answer = await send(signed, new Uint8Array(1));
  if (s3.behaviour.checksUnsignedHeaders) {
    assert.deepEqual([answer.status, answer.code], [403, "AccessDenied"]);
  } else {
    assert.equal(answer.status, 200);
  }
});

s3Test("a signature for another region", async (s3) => {
  const url = s3.url(await s3.put("object"));
  const answer = await s3.request(url, { sign: { region: "mars-north-1" } });
  if (s3.behaviour.checksRegion) {
    assert.deepEqual([answer.status, answer.code], [400, "AuthorizationHeaderMalformed"]);
  } else {
    assert.equal(answer.status, 200);
  }
});

s3Test("a malformed Authorization header is refused", async (s3) => {
  const signed = await s3.sign(s3.url(await s3.put("object")));
  signed.headers.set("authorization", "AWS4-HMAC-SHA256 Credential=nonsense");
  const answer = await send(signed);
  assert.deepEqual([answer.status, answer.code], [400, s3.behaviour.malformedSignatureCode]);
});

s3Test("presigned requests read and write", async (s3) => {
  const url = s3.url(s3.key("odd name (1)+&'.txt"), { "X-Amz-Expires": "60" });
  const put = await s3.request(url, {
    method: "PUT",
    body: "presigned",
    sign: { signQuery: true },
  });
  assert.equal(put.status, 200);
  const get = await s3.request(url, { sign: { signQuery: true } });
  assert.deepEqual([get.status, get.text], [200, "presigned"]);
});

s3Test("a presigned request expires, and cannot be changed", async (s3) => {
  const key = await s3.put("object");
  const url = s3.url(key, { "X-Amz-Expires": "60" });
  const expired = await s3.request(url, { sign: { signQuery: true, datetime: signingDate(-61) } });
  assert.deepEqual([expired.status, expired.code], [403, "AccessDenied"]);

  const signed = await s3.sign(url, { sign: { signQuery: true } });
  signed.url.searchParams.set("X-Amz-Expires", "3600");
  const longer = await send(signed);
  assert.deepEqual([longer.status, longer.code], [403, "SignatureDoesNotMatch"]);
});

s3Test("a presigned request is valid for a week at most", async (s3) => {
  const url = s3.url(await s3.put("object"), { "X-Amz-Expires": String(7 * 24 * 3600 + 1) });
  const answer = await s3.request(url, { sign: { signQuery: true } });
  assert.deepEqual([answer.status, answer.code], s3.behaviour.longPresigned);
});
