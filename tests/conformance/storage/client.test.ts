/** supabase-js, unchanged. */
import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { project } from "./context.ts";
import {
  type Bucket,
  bucketTest,
  randomBytes,
  randomName,
  removeBucket,
  storageTest,
  withBucket,
} from "./support.ts";

/** A client that keeps no timer and no session. */
const { storage } = createClient(project.url, project.serviceKey, {
  auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
});

/** The data of a response that must be a success. */
async function ok<Data>(
  answer: PromiseLike<{ data: Data; error: unknown }>,
): Promise<NonNullable<Data>> {
  const { data, error } = await answer;
  assert.equal(error, null);
  assert(data !== null && data !== undefined);
  return data;
}

async function bytesOf(bucket: Bucket, name: string): Promise<Uint8Array> {
  const blob = await ok(storage.from(bucket.id).download(name));
  return new Uint8Array(await blob.arrayBuffer());
}

storageTest("supabase-js: buckets", [], async () => {
  const id = randomName("client");
  try {
    assert.deepEqual(await ok(storage.createBucket(id, { public: false })), { name: id });
    await ok(storage.updateBucket(id, {
      ...{ public: true, fileSizeLimit: "1MB", allowedMimeTypes: ["text/*"] },
    }));
    const bucket = await ok(storage.getBucket(id));
    assert.equal(bucket.public, true);
    assert.equal(bucket.file_size_limit, 1_000_000);
    assert.deepEqual(bucket.allowed_mime_types, ["text/*"]);
    const buckets = await ok(storage.listBuckets());
    assert(buckets.some((bucket) => bucket.id === id));
    await ok(storage.from(id).upload("a", "x"));
    const { error } = await storage.deleteBucket(id);
    assert.match(error?.message ?? "", /not empty/);
    assert.match((await ok(storage.emptyBucket(id))).message, /^Empty bucket has been queued/);
  } finally {
    await removeBucket(id);
  }
  const { error } = await storage.getBucket(id);
  assert.equal(error?.message, "Bucket not found");
});

const BODY = randomBytes(150_000);
const BODIES: [string, () => Parameters<ReturnType<typeof storage.from>["upload"]>[1]][] = [
  ["a Uint8Array", () => BODY],
  ["an ArrayBuffer", () => BODY.buffer],
  ["a Blob", () => new Blob([BODY])],
  ["a File", () => new File([BODY], "name.bin")],
  ["a stream", () => new Blob([BODY]).stream()],
  ["a form", () => {
    const form = new FormData();
    form.append("file", new Blob([BODY]));
    return form;
  }],
];

for (const [what, body] of BODIES) {
  bucketTest(
    `supabase-js: uploads ${what}, with all metadata`,
    async (bucket) => {
      const files = storage.from(bucket.id);
      const metadata = { who: "ü", list: [1, { two: null }] };
      const options = { cacheControl: "77", metadata };
      const uploaded = await ok(files.upload("dir/file", body(), options));
      assert.equal(uploaded.fullPath, `${bucket.id}/dir/file`);
      assert.deepEqual(await bytesOf(bucket, "dir/file"), BODY);
      const info = await ok(files.info("dir/file"));
      assert.equal(info.id, uploaded.id);
      assert.equal(info.size, BODY.length);
      assert.equal(info.cacheControl, "max-age=77");
      assert.deepEqual(info.metadata, metadata);
      const again = await files.upload("dir/file", body());
      assert.equal((again.error as { statusCode?: string } | null)?.statusCode, "409");
      const upserted = await ok(files.upload("dir/file", body(), { upsert: true }));
      const updated = await ok(files.update("dir/file", body()));
      assert.deepEqual([upserted.id, updated.id], [uploaded.id, uploaded.id]);
      assert.deepEqual((await ok(files.info("dir/file"))).metadata, {});
    },
  );
}

bucketTest("supabase-js: a string and its type, a Blob and its type", async (bucket) => {
  const files = storage.from(bucket.id);
  await ok(files.upload("string", "text", { contentType: "text/css" }));
  await ok(files.upload("blob", new Blob(["png"], { type: "image/png" })));
  await ok(files.upload("empty", new Blob([])));
  const typeOf = async (name: string) => (await ok(files.info(name))).contentType;
  assert.deepEqual([await typeOf("string"), await typeOf("blob")], ["text/css", "image/png"]);
  assert.equal((await ok(files.download("blob"))).type, "image/png");
  assert.equal((await bytesOf(bucket, "empty")).length, 0);
});

bucketTest("supabase-js: exists, list, listV2, remove", async (bucket) => {
  const files = storage.from(bucket.id);
  for (const name of ["a", "dir/b", "dir/c"]) await ok(files.upload(name, name));
  assert.equal((await files.exists("a")).data, true);
  assert.equal((await files.exists("none")).data, false);
  assert.deepEqual((await ok(files.list())).map(({ name }) => name), ["a", "dir"]);
  assert.deepEqual((await ok(files.list("dir"))).map(({ name }) => name), ["b", "c"]);
  const limited = await ok(files.list("dir", { limit: 1, offset: 1 }));
  assert.deepEqual(limited.map(({ name }) => name), ["c"]);
  const page = await ok(files.listV2({ with_delimiter: true }));
  assert.deepEqual(page.objects.map(({ name }) => name), ["a"]);
  assert.deepEqual(page.folders.map(({ name }) => name), ["dir/"]);
  const removed = await ok(files.remove(["dir/b", "dir/c", "none"]));
  assert.deepEqual(removed.map(({ name }) => name).toSorted(), ["dir/b", "dir/c"]);
  assert.deepEqual((await ok(files.list("dir"))).length, 0);
});

storageTest(
  "supabase-js: copy and move, also to another bucket",
  [],
  () =>
    withBucket((bucket) =>
      withBucket(async (other) => {
        const files = storage.from(bucket.id);
        await ok(files.upload("a", "a"));
        assert.equal((await ok(files.copy("a", "b"))).path, `${bucket.id}/b`);
        const destinationBucket = other.id;
        await ok(files.copy("a", "c", { destinationBucket }));
        await ok(files.move("b", "d", { destinationBucket }));
        await ok(files.move("a", "e"));
        assert.deepEqual((await ok(files.list())).map(({ name }) => name), ["e"]);
        const moved = await ok(storage.from(other.id).list());
        assert.deepEqual(moved.map(({ name }) => name), ["c", "d"]);
        assert.equal(await other.text("d"), "a");
        const taken = await storage.from(other.id).move("c", "d");
        assert.equal((taken.error as { statusCode?: string } | null)?.statusCode, "409");
      })
    ),
);

bucketTest("supabase-js: signed URLs to read and to write", async (bucket) => {
  const files = storage.from(bucket.id);
  await ok(files.upload("dir/a b", "signed"));
  const { signedUrl } = await ok(files.createSignedUrl("dir/a b", 60, { download: "n.txt" }));
  const response = await fetch(signedUrl);
  assert.match(response.headers.get("content-disposition") ?? "", /filename=n\.txt/);
  assert.equal(await response.text(), "signed");
  const several = await ok(files.createSignedUrls(["dir/a b", "none"], 60));
  assert.deepEqual(several.map(({ error }) => error === null), [true, false]);
  const again = await fetch(several[0].signedUrl ?? "");
  assert.equal(await again.text(), "signed");

  const { path, token } = await ok(files.createSignedUploadUrl("new"));
  const put = await ok(files.uploadToSignedUrl(path, token, new Blob([BODY])));
  assert.equal(put.fullPath, `${bucket.id}/new`);
  assert.deepEqual(await bytesOf(bucket, "new"), BODY);
});

bucketTest(
  "supabase-js: public URLs, and purging them",
  { settings: { public: true } },
  async (bucket) => {
    const files = storage.from(bucket.id);
    await ok(files.upload("dir/a b", "public"));
    const response = await fetch(files.getPublicUrl("dir/a b").data.publicUrl);
    assert.equal(await response.text(), "public");
  },
);

bucketTest(
  "supabase-js: purgeCache and purgeBucketCache",
  { needs: ["stand-in"] },
  async (bucket) => {
    await ok(storage.from(bucket.id).upload("dir/a b", "x"));
    assert.equal((await ok(storage.from(bucket.id).purgeCache("dir/a b"))).message, "success");
    assert.equal((await ok(storage.purgeBucketCache(bucket.id))).message, "success");
  },
);
