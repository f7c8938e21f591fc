import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import fc from "fast-check";
import { StorageError } from "../../../../stack/storage/errors.ts";
import { readForm } from "../../../../stack/storage/multipart.ts";
import { RequestBody } from "../../../../stack/storage/request_body.ts";

/** A body that arrives in chunks of the given sizes, the last of which repeats. */
function bodyOf(bytes: Uint8Array, sizes: number[]): RequestBody {
  const chunks: Uint8Array[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = Math.max(1, sizes[Math.min(index, sizes.length - 1)] ?? bytes.length);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  const message = Readable.from(chunks, { objectMode: false }) as unknown as IncomingMessage;
  return new RequestBody(message, () => {});
}

/** The body and content type that fetch sends for a form. */
async function encode(form: FormData): Promise<{ contentType: string; bytes: Uint8Array }> {
  const response = new Response(form);
  const contentType = response.headers.get("content-type") ?? "";
  return { contentType, bytes: await response.bytes() };
}

async function read(bytes: Uint8Array, contentType: string, sizes: number[]) {
  const form = await readForm(bodyOf(bytes, sizes), contentType);
  const file = Buffer.concat(await Array.fromAsync(form.chunks));
  return { fields: Object.fromEntries(form.fields), mimetype: form.mimetype, file };
}

Deno.test("a form is read correctly at all chunk boundaries", async () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // Almost a boundary.
    fc.constantFrom("\r\n--", "\r\n\r\n", "--\r\n", "\r").map((text) => Buffer.from(text)),
  );
  const property = fc.asyncProperty(
    content,
    fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string()),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
    async (bytes, fields, sizes) => {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append("", new Blob([new Uint8Array(bytes)], { type: "image/png" }), "name.png");
      const encoded = await encode(form);
      const one = await read(encoded.bytes, encoded.contentType, sizes);
      const other = await read(encoded.bytes, encoded.contentType, [encoded.bytes.length]);
      assert.deepEqual(one, other);
      assert.deepEqual(new Uint8Array(one.file), new Uint8Array(bytes));
      assert.equal(one.mimetype, "image/png");
      assert.deepEqual(Object.keys(one.fields).toSorted(), Object.keys(fields).toSorted());
    },
  );
  await fc.assert(property, { numRuns: 100 });
});

Deno.test("fields after the file are read and ignored", async () => {
  const form = new FormData();
  form.append("cacheControl", "5");
  form.append("file", new Blob(["bytes"]));
  form.append("afterFile", "x".repeat(10_000));
  const { bytes, contentType } = await encode(form);
  const { fields, file } = await read(bytes, contentType, [7]);
  assert.deepEqual(fields, { cacheControl: "5" });
  assert.equal(file.toString(), "bytes");
});

Deno.test("a form without a file, without a boundary or cut short is refused", async () => {
  const form = new FormData();
  form.append("only", "a field");
  const { bytes, contentType } = await encode(form);
  await assert.rejects(read(bytes, contentType, [9]), StorageError);
  await assert.rejects(read(bytes, "multipart/form-data", [9]), StorageError);
  form.append("file", new Blob(["x".repeat(100)]));
  const whole = await encode(form);
  const cut = whole.bytes.subarray(0, whole.bytes.length - 30);
  await assert.rejects(read(cut, whole.contentType, [9]), StorageError);
});
