import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import fc from "fast-check";
import {
  compositeDigest,
  digestStream,
  multipartEtag,
} from "../../../../../supabase/functions/_holdfast/repository/digest.ts";

const sha256 = (...pieces: Uint8Array[]) => {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash;
};

/** A blob's digest, implemented independently from docs/FORMAT.md. */
function expected(bytes: Uint8Array, partSize: number | null): string {
  if (partSize === null) return sha256(bytes).digest("hex");
  const digests: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += partSize) {
    digests.push(sha256(bytes.subarray(at, at + partSize)).digest());
  }
  if (digests.length === 0) digests.push(sha256().digest());
  return sha256(...digests).digest("hex");
}

/** The bytes as a stream, cut at these fractions (0 to 1, in any order) of the length. */
function cut(bytes: Uint8Array, locations: readonly number[]): ReadableStream<Uint8Array> {
  const ends = [...locations.map((location) => Math.floor(location * bytes.length)), bytes.length]
    .sort((one, other) => one - other);
  return ReadableStream.from(ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)));
}

const locations = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

Deno.test("a stream's digest does not depend on the chunk boundaries", async () => {
  const partSize = fc.option(fc.integer({ min: 1, max: 40 }));
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      locations,
      partSize,
      async (bytes, at, part) => {
        const digest = await digestStream(cut(bytes, at), { size: bytes.length, part_size: part });
        assert.deepEqual(digest, { size: bytes.length, sha256: expected(bytes, part) });
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a stream that differs from the blob differs in digest or size", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 100 }),
      fc.uint8Array({ maxLength: 200 }),
      fc.option(fc.integer({ min: 1, max: 40 })),
      locations,
      async (blob, other, part, at) => {
        const digest = await digestStream(cut(other, at), { size: blob.length, part_size: part });
        const same = digest.size === blob.length && digest.sha256 === expected(blob, part);
        assert.equal(same, Buffer.from(blob).equals(other));
        assert.equal(digest.size, other.length);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("an empty stream has the digest of empty bytes", async () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const digest = await digestStream(ReadableStream.from([]), { size: 0, part_size: null });
  assert.deepEqual(digest, { size: 0, sha256: empty });
});

Deno.test("a listing that states a huge size allocates no memory for it", async () => {
  for (const shape of [{ size: 2 ** 50, part_size: null }, { size: 9, part_size: 2 ** 52 }]) {
    const bytes = new TextEncoder().encode("some bytes");
    const digest = await digestStream(ReadableStream.from([bytes]), shape);
    assert.equal(digest.size, bytes.length);
  }
});

Deno.test("a large part is hashed as a stream, with the same result", async () => {
  // Larger than the buffer. Two parts cover the end of a part and the end of the stream.
  const part = 16 * 1024 * 1024 + 1;
  const bytes = new Uint8Array(part + 5).fill(7);
  bytes[part] = 1;
  for (const part_size of [part, null]) {
    const digest = await digestStream(cut(bytes, [0.1, 0.5, 0.51]), {
      size: bytes.length,
      part_size,
    });
    assert.deepEqual(digest, { size: bytes.length, sha256: expected(bytes, part_size) });
  }
});

Deno.test("a composite digest is the digest of the parts' digests as bytes, in order", async () => {
  const parts = ["one", "two", "three"].map((part) => sha256(new TextEncoder().encode(part)));
  const digests = parts.map((part) => part.digest());
  const hex = digests.map((digest) => digest.toString("hex"));
  assert.equal(await compositeDigest(hex), sha256(...digests).digest("hex"));
  assert.notEqual(await compositeDigest(hex.toReversed()), await compositeDigest(hex));
});

Deno.test("the error of a stream that breaks off is thrown to the caller", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new Error("cut short"));
    },
  });
  await assert.rejects(digestStream(broken, { size: 5, part_size: null }), /cut short/);
});

Deno.test("the composite digest in FORMAT.md matches its shell command and our function", async () => {
  const format = await Deno.readTextFile(
    new URL("../../../../../docs/FORMAT.md", import.meta.url),
  );
  const command = /^ {4}(split -b .*)$/m.exec(format)?.[1];
  const example = /composite digest\s+`([0-9a-f]{64})`/.exec(format)?.[1];
  assert.ok(command && example);
  const partSize = Number(/-b (\d+)/.exec(command)?.[1]);
  const zeros = new Uint8Array(20_000_000);
  assert.equal(expected(zeros, partSize), example);
  const { sha256: ours } = await digestStream(cut(zeros, []), {
    size: zeros.length,
    part_size: partSize,
  });
  assert.equal(ours, example);

  const script = command.replace("FILE", "-");
  const shell = new Deno.Command("sh", {
    args: ["-c", `head -c ${zeros.length} /dev/zero | ${script}`],
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await shell.output();
  const missing = /not found|unrecognized option|illegal option/;
  const text = new TextDecoder();
  // Other systems than Linux have no GNU split.
  if (missing.test(text.decode(stderr))) return;
  assert.ok(success);
  assert.equal(text.decode(stdout).slice(0, 64), example);
});

Deno.test("the etag of a multipart object is made of its parts' etags, as in S3", () => {
  const parts = ["one", "two"].map((text) => createHash("md5").update(text).digest());
  const expected = createHash("md5").update(Buffer.concat(parts)).digest("hex");
  const etags = parts.map((digest) => digest.toString("hex"));
  assert.equal(multipartEtag(etags), `${expected}-2`);
  assert.equal(multipartEtag(etags.map((etag) => `"${etag}"`)), `${expected}-2`);
  assert.equal(multipartEtag([...etags, "no-md5"]), undefined);
});
