import assert from "node:assert/strict";
import {
  assertRefused,
  type Bucket,
  bucketTest,
  call,
  callJson,
  randomBytes,
  storageTest,
  withBucket,
} from "./support.ts";

const TOO_LARGE = {
  statusCode: "413",
  error: "Payload too large",
  message: "The object exceeded the maximum allowed size",
  code: "EntityTooLarge",
};

/** An upload in the form in which supabase-js sends a Blob. */
function form(bytes: Uint8Array<ArrayBuffer>, type: string, fields: Record<string, string> = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("", new Blob([bytes], { type }));
  return form;
}

bucketTest("limits: a bucket's file_size_limit binds the service key", {
  settings: { file_size_limit: 1000 },
}, async (bucket) => {
  await bucket.put("a", randomBytes(1000));
  const body = randomBytes(1001);
  for (const method of ["POST", "PUT"]) {
    await assertRefused(call(method, bucket.path("b"), { body }), TOO_LARGE);
    const asForm = form(body, "text/plain");
    await assertRefused(call(method, bucket.path("b"), { body: asForm }), TOO_LARGE);
  }
  await assertRefused(call("PUT", bucket.path("a"), { body }), TOO_LARGE);
  assert.equal((await bucket.info("a")).size, 1000);
  await assertRefused(bucket.get("b"), { code: "NoSuchKey", error: "not_found" });
  await callJson("POST", bucket.path("c"), { body: form(randomBytes(1000), "text/plain") });
  assert.equal((await bucket.info("c")).size, 1000);
});

bucketTest("limits: a refused large body is read to its end, and the response arrives", {
  settings: { file_size_limit: 1000 },
}, async (bucket) => {
  const body = randomBytes(8 * 1024 * 1024);
  await assertRefused(call("POST", bucket.path("a"), { body }), TOO_LARGE);
  const asForm = form(body, "text/plain");
  await assertRefused(call("POST", bucket.path("a"), { body: asForm }), TOO_LARGE);
});

bucketTest("limits: a body without content-length escapes the size check", {
  settings: { file_size_limit: 1000 },
}, async (bucket) => {
  const bytes = randomBytes(5000);
  await callJson("POST", bucket.path("a"), { body: new Blob([bytes]).stream() });
  assert.deepEqual(await bucket.bytes("a"), bytes);
});

/** Each kind of list, with types that it accepts and types that it refuses. */
const MIME_CASES: { allowed: string[]; fits: string[]; refused: string[] }[] = [
  {
    allowed: ["image/png", "text/plain"],
    fits: ["image/png", "text/plain"],
    // The comparison is exact, with parameters and letter case.
    refused: ["image/jpeg", "text/plain; charset=utf-8", "image/PNG", "image/*", "text"],
  },
  {
    allowed: ["image/*"],
    fits: ["image/png", "image/jpeg; a=b"],
    refused: ["text/plain", "IMAGE/png", "application/octet-stream"],
  },
];

for (const { allowed, fits, refused } of MIME_CASES) {
  bucketTest(`limits: allowed_mime_types ${allowed} bind the service key`, {
    settings: { allowed_mime_types: allowed },
  }, async (bucket) => {
    for (const type of fits) await bucket.put("fits", "x", { "content-type": type });
    for (const type of refused) await assertTypeRefused(bucket, type);
  });
}

async function assertTypeRefused(bucket: Bucket, type: string): Promise<void> {
  const headers = { "content-type": type };
  await assertRefused(call("POST", bucket.path("refused"), { body: "x", headers }), {
    statusCode: "415",
    error: "invalid_mime_type",
    message: `mime type ${type} is not supported`,
    code: "InvalidMimeType",
  });
}

bucketTest("limits: for a form the file's type counts, without parameters", {
  settings: { allowed_mime_types: ["image/png"] },
}, async (bucket) => {
  const bytes = randomBytes(10);
  await callJson("POST", bucket.path("a"), { body: form(bytes, "image/png;charset=utf-8") });
  assert.equal((await bucket.info("a")).content_type, "image/png");
  await assertRefused(call("POST", bucket.path("b"), { body: form(bytes, "text/css") }), {
    code: "InvalidMimeType",
  });
  const named = form(bytes, "text/css", { contentType: "image/png" });
  await callJson("POST", bucket.path("b"), { body: named });
  assert.equal((await bucket.info("b")).content_type, "image/png");
});

bucketTest("limits: an empty folder's placeholder may have any type", {
  settings: { allowed_mime_types: ["image/png"], file_size_limit: 10 },
}, async (bucket) => {
  await bucket.put("folder/.emptyFolderPlaceholder", "");
});

storageTest(
  "limits: a move and a copy into a bucket ignore its limits",
  [],
  () =>
    withBucket((source) =>
      withBucket(async (target) => {
        await source.put("a", randomBytes(2000), { "content-type": "text/css" });
        for (const [action, sourceKey] of [["copy", "a"], ["move", "a"]]) {
          const json = {
            ...{ bucketId: source.id, sourceKey },
            ...{ destinationBucket: target.id, destinationKey: action },
          };
          await callJson("POST", `/object/${action}`, { json });
          const info = await target.info(action);
          assert.equal(info.size, 2000);
          assert.equal(info.content_type, "text/css");
        }
      }, { file_size_limit: 1000, allowed_mime_types: ["image/png"] })
    ),
);
