/** Reads an object of the target and compares it with a blob by digest. */
import type { StoredBytes } from "./types.ts";
import { partRanges } from "./parts.ts";
import { readBytes, TooLongError } from "../lib/streams/read_limited.ts";
import type { Clock } from "../lib/clock/clock.ts";
import { backoffMs } from "../lib/http/retry_policy.ts";
import { HoldfastError, messageOf } from "../config/errors.ts";
import { releaseBuffer } from "../lib/release_buffer.ts";
import { contentRangeOf } from "../lib/http/content_range.ts";
import type { ByteRange, ObjectReader, StorageRead } from "../project/storage_reader.ts";
import type { ObjectLocation } from "../project/storage_writer.ts";
import { compositeDigest, digestStream } from "../repository/digest.ts";
import { hexDigest } from "../lib/codecs/hex.ts";

/** Largest object that is read in one GET. Larger ones are read in ranges, each with its own timeout. */
const RANGE_BYTES = 8 * 1024 * 1024;
/** Largest part that is read and hashed in one piece. */
const MAX_PIECE_BYTES = 16 * 1024 * 1024;
const MAX_READS = 4;
/** Reads after which different bytes are accepted. A single read may have been corrupted in transit. */
const READS_OF_DIFFERENT = 3;
/** Leases, a minute each, during which a failure to read an object counts as an outage of Storage. */
const OUTAGE_WAIT_LEASES = 5;

/** Whether Storage lacks an object's bytes: it states so, or its failure may mean so; false if neither. */
type MissingEvidence = "stated" | "suspected" | false;

/** The result of comparing an object with a blob. `unreadable` is the reason in words. */
export type Comparison = "same" | "different" | {
  readonly unreadable: string;
  readonly missing: MissingEvidence;
};

/** The dependencies of comparing. */
export interface CompareContext {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** Leases of the cursor since its last commit, this one included. */
  readonly attempts: number;
}

/**
 * Reads an object of the target and compares its digest with a blob's.
 *
 * @throws HoldfastError `storage_unreachable` if Storage may have an outage
 */
export async function compare(
  item: StoredBytes,
  location: ObjectLocation,
  { reader, clock, attempts }: CompareContext,
): Promise<Comparison> {
  try {
    return await isSame(item, location, { reader, clock }) ? "same" : "different";
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    if (error.maybeOut && attempts < OUTAGE_WAIT_LEASES) {
      throw new HoldfastError("storage_unreachable", `${error.message}.`);
    }
    return { unreadable: error.message, missing: error.missing };
  }
}

/**
 * Compares as `compare` does, but reads up to three times if the bytes differ. Use it if a corrupted
 * read would have consequences.
 */
export async function compareAgain(
  item: StoredBytes,
  location: ObjectLocation,
  outside: CompareContext,
): Promise<Comparison> {
  let compared: Comparison = "different";
  for (let reads = 0; compared === "different" && reads < READS_OF_DIFFERENT; reads++) {
    compared = await compare(item, location, outside);
  }
  return compared;
}

/** The dependencies of reading: the target, and the clock for waits between reads. */
type Source = Pick<CompareContext, "reader" | "clock">;

function isSame(item: StoredBytes, location: ObjectLocation, source: Source): Promise<boolean> {
  return item.size > RANGE_BYTES
    ? hasDigestInRanges(item, location, source)
    : hasDigest(item, location, source);
}

class Unreadable extends Error {
  /** @param maybeOut whether Storage may have an outage */
  constructor(message: string, readonly maybeOut: boolean, readonly missing: MissingEvidence) {
    super(message);
  }
}

/** The object is not the blob, or it was changed during the read. */
class Differs extends Error {}

async function hasDigest(
  item: StoredBytes,
  location: ObjectLocation,
  source: Source,
): Promise<boolean> {
  return await readAgain(location, source, undefined, async ({ response }) => {
    const stated = response.headers.get("content-length");
    if (stated !== null && Number(stated) !== item.size) {
      await response.body?.cancel();
      return false;
    }
    if (item.part_size === null) return await isBlobIntact(item, response);
    const { size, sha256 } = await digestStream(response.body!, item);
    return size === item.size && sha256 === item.sha256;
  });
}

/** Reads the body in one piece, because reading it in chunks costs 50 % more CPU. */
async function isBlobIntact(item: StoredBytes, response: Response): Promise<boolean> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await readBytes(response, item.size);
  } catch (error) {
    if (error instanceof TooLongError) return false;
    throw error;
  }
  try {
    return bytes.length === item.size && await hexDigest(bytes) === item.sha256;
  } finally {
    releaseBuffer(bytes);
  }
}

async function hasDigestInRanges(
  item: StoredBytes,
  location: ObjectLocation,
  source: Source,
): Promise<boolean> {
  try {
    return await digestOfRanges(item, location, source) === item.sha256;
  } catch (error) {
    if (error instanceof Differs) return false;
    throw error;
  }
}

async function digestOfRanges(
  item: StoredBytes,
  location: ObjectLocation,
  source: Source,
): Promise<string> {
  const partSize = item.part_size;
  if (partSize === null || partSize > MAX_PIECE_BYTES) {
    const pieces = readRanges(item.size, RANGE_BYTES, location, source);
    return (await digestStream(ReadableStream.from(pieces), item)).sha256;
  }
  const digests: string[] = [];
  for await (const piece of readRanges(item.size, partSize, location, source)) {
    digests.push(await hexDigest(piece));
  }
  return await compositeDigest(digests);
}

/** Reads an object range by range. The memory of a range is released when the next one is requested. */
async function* readRanges(
  size: number,
  rangeSize: number,
  location: ObjectLocation,
  source: Source,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let firstEtag: string | undefined;
  for (const range of partRanges(size, rangeSize)) {
    const bytes = await readAgain(location, source, range, async ({ response, etag }) => {
      // A range of another version must not be combined with the others.
      if (contentRangeOf(response.headers)?.total !== size || etag !== (firstEtag ??= etag)) {
        await response.body?.cancel();
        throw new Differs();
      }
      return new Uint8Array(await response.arrayBuffer());
    });
    if (bytes.length !== range.last - range.first + 1) throw new Differs();
    try {
      yield bytes;
    } finally {
      releaseBuffer(bytes);
    }
  }
}

/** Reads an object and passes the response to `use`, with retries until `use` succeeds. */
async function readAgain<Result>(
  { bucket, name }: ObjectLocation,
  { reader, clock }: Source,
  range: ByteRange | undefined,
  use: (answer: Extract<StorageRead, { kind: "bytes" }>) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1;; attempt++) {
    let why: string;
    let maybeOut = true;
    const answer = await reader.read(bucket, name, range);
    // A response from a cache does not prove what Storage has.
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
      maybeOut = false;
    } else {
      why = answer.kind === "failed" ? answer.message : `Storage answered: ${answer.kind}`;
      maybeOut = answer.kind === "failed" && !answer.ofObject;
    }
    if (attempt >= MAX_READS) {
      throw new Unreadable(why, maybeOut, missingEvidence(answer));
    }
    await clock.delay(backoffMs(attempt));
  }
}

/** Storage's file backend sends 500 for lost bytes and for other failures. */
function missingEvidence(answer: StorageRead): MissingEvidence {
  if (answer.kind === "missing") return "stated";
  return answer.kind === "failed" && answer.internal === true ? "suspected" : false;
}

/** Whether Storage has the bytes of a row. `unknown`: it could not be determined. */
export type Presence = "present" | "missing" | "unknown";

/**
 * Checks whether Storage has the bytes of a row, by reading one of them. A database that was restored
 * from its own backup has rows without bytes. Storage's file backend sends 500 for lost bytes, so
 * `missing` may be wrong: use it only if writing the object again loses nothing.
 *
 * @throws HoldfastError `storage_unreachable` if Storage may have an outage
 */
export async function hasBytes(
  { size }: Pick<StoredBytes, "size">,
  { bucket, name }: ObjectLocation,
  { reader, clock, attempts }: CompareContext,
): Promise<Presence> {
  const range = size > 0 ? { first: 0, last: 0 } : undefined;
  for (let attempt = 1;; attempt++) {
    const answer = await reader.read(bucket, name, range, size);
    if (answer.kind === "missing") return "missing";
    if (answer.kind === "unfetchable") return "unknown";
    // The body is read and not cancelled, because cancelling closes the connection.
    if (answer.kind === "bytes") await answer.response.arrayBuffer().catch(() => undefined);
    if (answer.kind === "bytes" && answer.fresh) return "present";
    if (attempt >= MAX_READS) {
      if (answer.kind === "failed" && (answer.internal || answer.ofObject)) return "missing";
      if (attempts >= OUTAGE_WAIT_LEASES) return "unknown";
      const why = answer.kind === "bytes" ? "only a cache answered" : answer.message;
      throw new HoldfastError("storage_unreachable", `${why}.`);
    }
    await clock.delay(backoffMs(attempt));
  }
}
