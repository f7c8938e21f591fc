/** Reading an object of the target, and comparing it with a blob by digest. */
import { partRanges } from "../backup/parts.ts";
import { backoffMs, delay } from "../engine/retry.ts";
import { messageOf } from "../errors.ts";
import { freeBytes } from "../free.ts";
import type { ByteRange, ObjectReader, StorageRead } from "../project/storage.ts";
import type { ObjectPlace } from "../project/target.ts";
import { compositeDigest, digestStream } from "../repository/digest.ts";
import { hexDigest } from "../repository/keys.ts";
import type { HeldItem } from "./items.ts";

/** An object up to this size is read by one GET; above it by ranges, each with a request's time. */
const RANGE_BYTES = 8 * 1024 * 1024;
/** A part up to this size is read and hashed in one piece, as S3 holds it. */
const MAX_PIECE_BYTES = 16 * 1024 * 1024;
const MAX_READS = 4;

/** What comparing a target object with a blob came to. */
export type Comparison = "same" | "different" | { readonly unreadable: string };

/** Reads an object of the target and compares it with a blob, byte for byte by digest. */
export async function compare(
  item: HeldItem,
  place: ObjectPlace,
  { reader }: { readonly reader: ObjectReader },
): Promise<Comparison> {
  try {
    const right = item.size > RANGE_BYTES
      ? await hasDigestInRanges(item, place, reader)
      : await hasDigest(item, place, reader);
    return right ? "same" : "different";
  } catch (error) {
    if (error instanceof Unreadable) return { unreadable: error.message };
    throw error;
  }
}

class Unreadable extends Error {}

/** The target's object is not the blob, or not the object any more that was read before. */
class Differs extends Error {}

async function hasDigest(
  item: HeldItem,
  place: ObjectPlace,
  reader: ObjectReader,
): Promise<boolean> {
  return await readAgain(place, reader, undefined, async ({ response }) => {
    const stated = response.headers.get("content-length");
    if (stated !== null && Number(stated) !== item.size) {
      await response.body?.cancel();
      return false;
    }
    const { size, sha256 } = await digestStream(response.body!, item);
    return size === item.size && sha256 === item.sha256;
  });
}

async function hasDigestInRanges(
  item: HeldItem,
  place: ObjectPlace,
  reader: ObjectReader,
): Promise<boolean> {
  try {
    return await digestOfRanges(item, place, reader) === item.sha256;
  } catch (error) {
    if (error instanceof Differs) return false;
    throw error;
  }
}

async function digestOfRanges(
  item: HeldItem,
  place: ObjectPlace,
  reader: ObjectReader,
): Promise<string> {
  const partSize = item.part_size;
  if (partSize === null || partSize > MAX_PIECE_BYTES) {
    const pieces = readRanges(item.size, RANGE_BYTES, place, reader);
    return (await digestStream(ReadableStream.from(pieces), item)).sha256;
  }
  const digests: string[] = [];
  for await (const piece of readRanges(item.size, partSize, place, reader)) {
    digests.push(await hexDigest(piece));
  }
  return await compositeDigest(digests);
}

/** The object's bytes, range by range; a range is freed when the next one is asked for. */
async function* readRanges(
  size: number,
  rangeSize: number,
  place: ObjectPlace,
  reader: ObjectReader,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let firstEtag: string | undefined;
  for (const range of partRanges(size, rangeSize)) {
    const bytes = await readAgain(place, reader, range, async ({ response, etag }) => {
      // A range of another object proves nothing of this one.
      if (totalOf(response) !== size || etag !== (firstEtag ??= etag)) {
        await response.body?.cancel();
        throw new Differs();
      }
      return new Uint8Array(await response.arrayBuffer());
    });
    if (bytes.length !== range.last - range.first + 1) throw new Differs();
    try {
      yield bytes;
    } finally {
      freeBytes(bytes);
    }
  }
}

/** Bytes of the whole object, as the answer to a ranged GET says. */
function totalOf(response: Response): number {
  return Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]);
}

/** Reads until an answer's body was used to its end; several times, for what may pass. */
async function readAgain<Result>(
  { bucket, name }: ObjectPlace,
  reader: ObjectReader,
  range: ByteRange | undefined,
  use: (answer: Extract<StorageRead, { kind: "bytes" }>) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1;; attempt++) {
    let why: string;
    const answer = await reader.read(bucket, name, range);
    // A read that came from a cache proves nothing.
    if (answer.kind === "bytes" && answer.fresh) {
      try {
        return await use(answer);
      } catch (error) {
        if (error instanceof Differs) throw error;
        why = messageOf(error);
      }
    } else if (answer.kind === "bytes") {
      await answer.response.body?.cancel();
      why = "only a cache answered";
    } else {
      why = `Storage answered: ${answer.kind}`;
    }
    if (attempt >= MAX_READS) throw new Unreadable(why);
    await delay(backoffMs(attempt));
  }
}
