import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type {
  ByteRange,
  ObjectReader,
  StorageRead,
} from "../../../../../supabase/functions/_holdfast/project/storage_reader.ts";
import type { HeldItem } from "../../../../../supabase/functions/_holdfast/jobs/restore/types.ts";
import {
  compare,
  compareAgain,
} from "../../../../../supabase/functions/_holdfast/transfer/read_back.ts";
import { TestClock } from "../../test_clock.ts";
import { heldItem } from "../jobs/restore/held_item.ts";

const MIB = 1024 * 1024;
const SIZE = 20 * MIB + 3;

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** A blob with these bytes, as an item of a restore. */
function itemOf(bytes: Uint8Array, partSize: number | null): HeldItem {
  let digest = sha256(bytes);
  if (partSize !== null) {
    const digests = [];
    for (let at = 0; at < bytes.length; at += partSize) {
      digests.push(sha256(bytes.subarray(at, at + partSize)));
    }
    digest = sha256(Buffer.concat(digests));
  }
  return heldItem(bytes, { sha256: digest.toString("hex"), part_size: partSize });
}

/** Bytes in which all pieces differ. */
function bytesOf(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 4096) bytes[at] = at / 4096 + at / MIB;
  return bytes;
}

/** Serves ranges of an object; `corrupt` changes the response to the nth read, from 1. */
class Target implements ObjectReader {
  readonly ranges: (ByteRange | undefined)[] = [];

  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly corrupt: (answer: StorageRead, read: number) => StorageRead = (answer) => answer,
  ) {}

  read(_bucket: string, _name: string, range?: ByteRange): Promise<StorageRead> {
    this.ranges.push(range);
    const body = range ? this.bytes.slice(range.first, range.last + 1) : this.bytes.slice();
    const headers: Record<string, string> = { "content-length": String(body.length) };
    if (range) {
      headers["content-range"] = `bytes ${range.first}-${range.last}/${this.bytes.length}`;
    }
    const response = new Response(body, { headers });
    const answer: StorageRead = { kind: "bytes", response, etag: "e", fresh: true };
    return Promise.resolve(this.corrupt(answer, this.ranges.length));
  }
}

const LOCATION = { bucket: "b", name: "n" };
/** The number of leases after which the restore no longer waits for Storage. */
const PATIENCE = 5;

async function compareWith(
  reader: Target,
  item: HeldItem,
  { attempts = PATIENCE, how = compare } = {},
) {
  return await how(item, LOCATION, { reader, clock: new TestClock(), attempts });
}

for (const partSize of [8 * MIB, 5 * MIB, 24 * MIB, null]) {
  Deno.test(`a large object is read in ranges and hashed in parts of ${partSize}`, async () => {
    const bytes = bytesOf(SIZE);
    const target = new Target(bytes);
    assert.equal(await compareWith(target, itemOf(bytes, partSize)), "same");
    assert.ok(target.ranges.length >= 3);
    assert.ok(target.ranges.every((range) => range && range.last - range.first < 8 * MIB));
    for (const at of [0, SIZE / 2 | 0, SIZE - 1]) {
      const other = bytes.slice();
      other[at]! ^= 1;
      assert.equal(await compareWith(new Target(other), itemOf(bytes, partSize)), "different");
    }
  });
}

Deno.test("an object of another size is not read to its end", async () => {
  for (const [size, held] of [[SIZE, 5], [5, SIZE], [SIZE + 1, SIZE]] as const) {
    const target = new Target(bytesOf(size));
    assert.equal(await compareWith(target, itemOf(bytesOf(held), null)), "different");
    assert.equal(target.ranges.length, 1);
  }
});

Deno.test("only a range that is cut off, cached or refused is read again", async () => {
  const bytes = bytesOf(SIZE);
  const cut = () =>
    new ReadableStream({ pull: (controller) => controller.error(new TypeError("cut")) });
  const passing: ((answer: Extract<StorageRead, { kind: "bytes" }>) => StorageRead)[] = [
    (answer) => ({ ...answer, fresh: false }),
    (answer) => ({ ...answer, response: new Response(cut(), answer.response) }),
    () => ({ kind: "failed", message: "busy" }),
  ];
  for (const corrupt of passing) {
    const target = new Target(
      bytes,
      (answer, read) => read === 2 && answer.kind === "bytes" ? corrupt(answer) : answer,
    );
    assert.equal(await compareWith(target, itemOf(bytes, 8 * MIB)), "same");
    assert.equal(target.ranges.length, 4);
    const hopeless = new Target(
      bytes,
      (answer, read) => read >= 2 && answer.kind === "bytes" ? corrupt(answer) : answer,
    );
    assert.ok(typeof await compareWith(hopeless, itemOf(bytes, 8 * MIB)) === "object");
    assert.equal(hopeless.ranges.length, 5);
  }
});

Deno.test("an object that is overwritten between two ranges does not match the blob", async () => {
  const bytes = bytesOf(SIZE);
  const target = new Target(
    bytes,
    (answer, read) =>
      answer.kind === "bytes" ? { ...answer, etag: read === 1 ? "e" : "f" } : answer,
  );
  assert.equal(await compareWith(target, itemOf(bytes, 8 * MIB)), "different");
});

Deno.test("a new upload counts as different only after several reads", async () => {
  const bytes = bytesOf(5);
  const item = itemOf(bytes, null);
  const flipped = (answer: StorageRead): StorageRead =>
    answer.kind === "bytes" ? { ...answer, response: new Response(bytesOf(5).fill(9)) } : answer;
  for (const [corrupted, reads, expected] of [[2, 3, "same"], [3, 3, "different"]] as const) {
    const target = new Target(
      bytes,
      (answer, read) => read <= corrupted ? flipped(answer) : answer,
    );
    assert.equal(await compareWith(target, item, { how: compareAgain }), expected);
    assert.equal(target.ranges.length, reads);
  }
});

Deno.test("the read waits for Storage during a possible outage, for a limited time", async () => {
  const item = itemOf(bytesOf(5), null);
  const out = new Target(bytesOf(5), () => ({ kind: "failed", message: "HTTP 502" }));
  await assert.rejects(compareWith(out, item, { attempts: 1 }), { code: "storage_unreachable" });
  assert.deepEqual(await compareWith(out, item), {
    unreadable: "HTTP 502",
    missing: false,
  });
  const ofObject = new Target(
    bytesOf(5),
    () => ({ kind: "failed", message: "it is cursed", ofObject: true }),
  );
  assert.deepEqual(await compareWith(ofObject, item, { attempts: 1 }), {
    unreadable: "it is cursed",
    missing: false,
  });
  const missing = await compareWith(new Target(bytesOf(5), () => ({ kind: "missing" })), item);
  assert.ok(typeof missing === "object" && missing.missing);
});
