/** Rows whose bytes are missing. */
import assert from "node:assert/strict";
import { assertRefused, type Bucket, bucketTest, call, standInOf } from "./support.ts";

bucketTest("missing bytes: info and HEAD of a row without bytes succeed, a GET fails", {
  needs: ["sql"],
}, async (bucket) => {
  await bucket.insertRow("a");
  assert.equal((await bucket.info("a")).size, 3);
  for (const route of ["/authenticated", ""]) {
    const head = await call("HEAD", bucket.path("a", route));
    assert.equal(head.status, 200);
    assert.equal(head.headers.get("etag"), '"0"');
  }
  await assertBytesMissing(bucket, "a");
});

bucketTest(
  "missing bytes: bytes that are deleted while the row stays",
  { needs: ["stand-in"] },
  async (bucket) => {
    await bucket.put("a", "x");
    await standInOf().loseBytes(bucket.id, "a");
    await assertBytesMissing(bucket, "a");
    assert.equal((await bucket.info("a")).size, 1);
    for (const action of ["copy", "move"]) {
      const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
      await assertRefused(call("POST", `/object/${action}`, { json }), {
        statusCode: "404",
        code: "S3Error",
        message: "NoSuchKey",
      });
    }
    standInOf().backend = "file";
    try {
      await assertRefused(bucket.get("a"), {
        status: 500,
        statusCode: "500",
        code: "InternalError",
      });
    } finally {
      standInOf().backend = "s3";
    }
  },
);

/** An S3 backend reports `Not found`; a missing row is `not_found`. A file backend reports HTTP 500. */
async function assertBytesMissing(bucket: Bucket, name: string): Promise<void> {
  const response = await bucket.get(name);
  const answer = await response.json();
  if (answer.code === "InternalError") {
    assert.equal(response.status, 500);
    return;
  }
  assert.equal(response.status, 400);
  assert.deepEqual(answer, {
    statusCode: "404",
    error: "Not found",
    message: "The resource was not found",
    code: "NoSuchKey",
  });
}
