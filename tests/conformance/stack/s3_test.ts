import assert from "node:assert/strict";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { connectStack } from "../../../stack/client.ts";

const stack = await connectStack();

type Bucket = Awaited<ReturnType<typeof stack.createRepositoryBucket>>;

/** A client with the settings that work on Edge Runtime too, and no retries. */
function clientOf({ secrets }: Bucket): S3Client {
  return new S3Client({
    endpoint: secrets.HOLDFAST_S3_ENDPOINT,
    region: secrets.HOLDFAST_S3_REGION,
    forcePathStyle: secrets.HOLDFAST_S3_FORCE_PATH_STYLE === "true",
    credentials: {
      accessKeyId: secrets.HOLDFAST_S3_ACCESS_KEY_ID!,
      secretAccessKey: secrets.HOLDFAST_S3_SECRET_ACCESS_KEY!,
    },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 1,
  });
}

async function withClient(bucket: Bucket, body: (client: S3Client) => Promise<void>) {
  const client = clientOf(bucket);
  try {
    await body(client);
  } finally {
    client.destroy();
  }
}

Deno.test("a repository has its own empty bucket, and the secrets give access to it", async () => {
  const bucket = await stack.createRepositoryBucket({ prefix: "deep/prefix" });
  assert.notEqual(bucket.bucket, (await stack.createRepositoryBucket()).bucket);
  assert.equal(bucket.secrets.HOLDFAST_S3_PREFIX, "deep/prefix");
  await withClient(bucket, async (client) => {
    await client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key: "key", Body: "body" }));
  });
  const { counts, records } = await stack.s3Requests(bucket.bucket);
  assert.deepEqual(counts, { PutObject: 1 });
  assert.equal(records[0]!.key, "key");
});

Deno.test("the same bucket can be opened with a read-only key", async () => {
  const bucket = await stack.createRepositoryBucket();
  const reading = await stack.call("repositoryBucket", {
    bucket: bucket.bucket,
    permissions: "read",
  });
  await withClient(reading, async (client) => {
    const put = new PutObjectCommand({ Bucket: bucket.bucket, Key: "key", Body: "body" });
    await assert.rejects(client.send(put), { name: "AccessDenied" });
  });
});

Deno.test("faults affect only the selected requests", async () => {
  const bucket = await stack.createRepositoryBucket();
  await stack.call("addS3Fault", {
    rule: {
      bucket: bucket.bucket,
      route: "PutObject",
      skip: 1,
      fault: { kind: "error", status: 503, code: "SlowDown" },
    },
  });
  await withClient(bucket, async (client) => {
    const put = (key: string) =>
      client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key: key, Body: "body" }));
    await put("one");
    await assert.rejects(put("two"), { name: "SlowDown" });
    await put("three");
    await stack.call("addS3Fault", {
      rule: { bucket: bucket.bucket, fault: { kind: "reset", when: "before_body" } },
    });
    await stack.call("clearS3Faults", { bucket: bucket.bucket });
    await put("four");
  });
});

Deno.test("a byte of an object can be corrupted", async () => {
  const bucket = await stack.createRepositoryBucket();
  await withClient(bucket, async (client) => {
    const where = { Bucket: bucket.bucket, Key: "key" };
    await client.send(new PutObjectCommand({ ...where, Body: "abc" }));
    await stack.call("damageS3Object", { bucket: bucket.bucket, key: "key", at: 1 });
    const got = await client.send(new GetObjectCommand(where));
    const bytes = await got.Body!.transformToByteArray();
    assert.deepEqual([...bytes], [97, 255 - 98, 99]);
  });
});
