import assert from "node:assert/strict";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { s3Test } from "./context.ts";

s3Test("If-None-Match: * refuses to overwrite an object", async (s3) => {
  const url = s3.url(s3.key("object"));
  const headers = { "if-none-match": "*" };
  const first = await s3.request(url, { method: "PUT", body: "first", headers });
  assert.equal(first.status, 200);
  const second = await s3.request(url, { method: "PUT", body: "second", headers });
  assert.deepEqual([second.status, second.code], [412, "PreconditionFailed"]);
  assert.equal(new TextDecoder().decode(await s3.read(s3.key("object"))), "first");
});

s3Test("the SDK reports a failed condition by name and status", async (s3) => {
  const Key = await s3.put("object", "first");
  const Body = new TextEncoder().encode("second");
  await assert.rejects(
    s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body, IfNoneMatch: "*" })),
    (error: { name?: string; $metadata?: { httpStatusCode?: number } }) =>
      error.name === "PreconditionFailed" && error.$metadata?.httpStatusCode === 412,
  );
});

s3Test("of puts that race with If-None-Match exactly one wins", async (s3) => {
  const url = s3.url(s3.key("object"));
  const bodies = Array.from({ length: 12 }, (_, index) => `${index}`.padEnd(20_000, "."));
  const answers = await Promise.all(
    bodies.map((body) =>
      s3.request(url, { method: "PUT", body, headers: { "if-none-match": "*" } })
    ),
  );
  const winners = bodies.filter((_, index) => answers[index].status === 200);
  assert.equal(winners.length, 1);
  assert.ok(answers.every(({ status }) => [200, 409, 412].includes(status)));
  assert.equal(new TextDecoder().decode(await s3.read(s3.key("object"))), winners[0]);
});

s3Test("a name that was deleted can be put again with If-None-Match", async (s3) => {
  const url = s3.url(await s3.put("object", "old"));
  await s3.request(url, { method: "DELETE" });
  const headers = { "if-none-match": "*" };
  assert.equal((await s3.request(url, { method: "PUT", body: "new", headers })).status, 200);
});

s3Test("a GET or HEAD can be made to depend on the tag", async (s3) => {
  const url = s3.url(await s3.put("object", "text"));
  const etag = (await s3.request(url, { method: "HEAD" })).headers.get("etag") ?? "";
  const other = '"00000000000000000000000000000000"';
  for (const method of ["GET", "HEAD"]) {
    const status = async (headers: Record<string, string>) =>
      (await s3.request(url, { method, headers })).status;
    assert.equal(await status({ "if-match": etag }), 200);
    assert.equal(await status({ "if-match": other }), 412);
    assert.equal(await status({ "if-none-match": etag }), 304);
    assert.equal(await status({ "if-none-match": other }), 200);
  }
});
