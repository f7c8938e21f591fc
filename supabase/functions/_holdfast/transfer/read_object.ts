/** Reading one object of the source, held to its row. */
import type { Clock } from "../lib/clock/clock.ts";
import { backoffMs, LONGEST_DELAY_MS } from "../lib/http/retry_policy.ts";
import { releaseBuffer } from "../lib/release_buffer.ts";
import { contentRangeOf } from "../lib/http/content_range.ts";
import type { Database } from "../lib/database.ts";
import { unquoteEtag } from "../lib/http/etag.ts";
import {
  type ByteRange,
  discardBody,
  type ObjectReader,
  type StorageRead,
} from "../project/storage_reader.ts";
import { sanitizeText } from "../lib/text/sanitize.ts";
import { redact } from "../observability/redact.ts";
import type { BackupItem, ObjectFailure } from "./types.ts";
import { isMultipart } from "./parts.ts";
import type { IsCorrupted } from "./etag_verifier.ts";

/** Tries of one version before it is given up for this run. */
const MAX_TRIES = 4;
/** Bytes that are missing again, of the version that the row still names, will not come. */
const MAX_TRIES_OF_MISSING = 2;
/** No further try is begun after so long: a slice has to end before its isolate does. */
const LONGEST_TRYING_MS = 20_000;
/** Times that the row may change under the read before it is left to the next run. */
const MAX_CHANGES = 5;

/** What reading an object came to. `item` is the row that the bytes belong to. */
export type ReadOutcome =
  | { readonly kind: "read"; readonly item: BackupItem; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "missing" }
  | { readonly kind: "changed"; readonly item: BackupItem }
  | FailedRead;

/** An object that could not be read. */
export interface FailedRead {
  readonly kind: "failure";
  readonly item: BackupItem;
  readonly failure: ObjectFailure;
  /** Set where the failure may speak of Storage and not of the object. */
  readonly possibleOutage?: PossibleOutage | undefined;
}

/** Storage, or what stands before it, may be out. */
export interface PossibleOutage {
  /** It said that it has too much to do. */
  readonly busy: boolean;
  /** For how long it wants to be left alone, milliseconds; 0 if it did not say. */
  readonly retryAfterMs: number;
}

type Attempt =
  | { readonly kind: "read"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** More than goes through memory at once; its row states no size. */
  | { readonly kind: "large"; readonly size: number }
  | {
    readonly kind: "again";
    readonly failure: ObjectFailure;
    readonly possibleOutage?: PossibleOutage | undefined;
  }
  | { readonly kind: "final"; readonly failure: ObjectFailure };

/** Requests to Storage that were sent, for the run's counters. */
export interface RequestCount {
  storage: number;
}

/** What reading needs of the outside. */
export interface ReadContext {
  readonly clock: Clock;
  readonly reader: ObjectReader;
  readonly database: Database;
  /** Makes the check for the reads of one object; not for ranges, of which no etag speaks. */
  readonly createEtagVerifier: () => IsCorrupted;
}

/**
 * Reads an object whole, or a range of it. What does not match the row is read again: the row may
 * have changed, and then the object is read as it is now. `changed` is returned instead for a
 * range, whose earlier parts would belong to another version, and for what has to go by parts.
 */
export async function readObject(
  item: BackupItem,
  { clock, reader, database, createEtagVerifier }: ReadContext,
  requests: RequestCount,
  range?: ByteRange,
): Promise<ReadOutcome> {
  const isCorrupted = range ? believe : createEtagVerifier();
  let current = item;
  let changes = 0;
  const began = clock.now();
  for (let tries = 1;; tries++) {
    requests.storage += 1;
    const attempt = await attemptRead(current, reader, isCorrupted, range);
    // Only the etag tells whose bytes they are. Where a row states none its version does, once they are
    // read: what is overwritten never gets an earlier one back.
    if (attempt.kind === "read" && current.etag !== null) return readOf(current, attempt.bytes);
    if (attempt.kind === "large") {
      return { kind: "changed", item: { ...current, size: attempt.size } };
    }
    if (attempt.kind === "final") {
      return { kind: "failure", item: current, failure: attempt.failure };
    }
    const now = await database.call<BackupItem | null>("object_now", {
      bucket_id: item.bucket_id,
      name: item.name,
    });
    if (attempt.kind === "read") {
      if (now?.version === current.version) return readOf(current, attempt.bytes);
      releaseBuffer(attempt.bytes);
    }
    if (now === null) return { kind: "missing" };
    if (attempt.kind === "read" || now.version !== current.version) {
      if (range || isMultipart(now)) return { kind: "changed", item: now };
      if (++changes > MAX_CHANGES) return { kind: "failure", item: now, failure: restless };
      current = now;
      tries = 0;
      continue;
    }
    const retryAfterMs = attempt.possibleOutage?.retryAfterMs ?? 0;
    const timedOut = retryAfterMs > LONGEST_DELAY_MS || clock.now() - began > LONGEST_TRYING_MS;
    const isMissing = attempt.failure.code === "bytes_missing";
    if (tries >= (isMissing ? MAX_TRIES_OF_MISSING : MAX_TRIES) || timedOut) {
      return {
        kind: "failure",
        item: current,
        failure: attempt.failure,
        possibleOutage: attempt.possibleOutage,
      };
    }
    await clock.delay(backoffMs(tries, retryAfterMs));
  }
}

const believe: IsCorrupted = () => false;

function readOf(item: BackupItem, bytes: Uint8Array<ArrayBuffer>): ReadOutcome {
  return { kind: "read", item, bytes };
}

const restless: ObjectFailure = {
  class: "failed",
  code: "storage_failed",
  message: "the object was overwritten again and again while it was read",
};

async function attemptRead(
  item: BackupItem,
  reader: ObjectReader,
  isCorrupted: IsCorrupted,
  range: ByteRange | undefined,
): Promise<Attempt> {
  const answer = await reader.read(item.bucket_id, item.name, range, item.size);
  switch (answer.kind) {
    case "unfetchable":
      return final("unavailable", "name_unfetchable", answer.message);
    case "missing":
      return again("unavailable", "bytes_missing", "Storage has the row but not the bytes");
    case "failed":
      return again("failed", "storage_failed", answer.message, possibleOutageOf(answer));
    case "bytes":
      return await readBody(item, answer, isCorrupted, range);
  }
}

function possibleOutageOf(
  answer: Extract<StorageRead, { kind: "failed" }>,
): PossibleOutage | undefined {
  if (answer.ofObject) return undefined;
  return { busy: answer.busy ?? false, retryAfterMs: answer.retryAfterMs ?? 0 };
}

async function readBody(
  item: BackupItem,
  { response, etag }: Extract<StorageRead, { kind: "bytes" }>,
  isCorrupted: IsCorrupted,
  range: ByteRange | undefined,
): Promise<Attempt> {
  const refused = mismatch(item, response, etag, range);
  if (refused) {
    await discardBody(response);
    return refused;
  }
  const expected = range ? bytesIn(range) : item.size;
  const size = Number(response.headers.get("content-length"));
  if (!range && expected === null && isMultipart({ size })) {
    await discardBody(response);
    return { kind: "large", size };
  }
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    return again("failed", "storage_failed", `the body was cut short: ${String(error)}`, BROKEN);
  }
  if (expected !== null && bytes.length !== expected) {
    const message = `${bytes.length} bytes came instead of ${expected}`;
    return again("failed", "storage_failed", message, BROKEN);
  }
  if (isCorrupted(etag, bytes)) {
    releaseBuffer(bytes);
    return again("failed", "storage_failed", "the bytes are not what their etag says", BROKEN);
  }
  return { kind: "read", bytes };
}

/** What an answer's head says against the row, or against what was asked for. */
function mismatch(
  { size, etag: rowEtag }: BackupItem,
  { headers }: Response,
  etag: string,
  range: ByteRange | undefined,
): Attempt | undefined {
  const differs = (message: string) => again("unavailable", "bytes_differ", message);
  if (rowEtag !== null && etag !== unquoteEtag(rowEtag)) {
    return differs(sanitizeText(redact(`the row's etag is ${rowEtag}, the bytes' is ${etag}`)));
  }
  const stated = headers.get("content-length");
  if (!range) {
    return size === null || stated === null || Number(stated) === size
      ? undefined
      : differs(`the row says ${size} bytes, Storage answers ${stated}`);
  }
  const answered = contentRangeOf(headers);
  // Each part would be right, and the object cut short.
  if (answered && answered.total !== size) {
    return differs(`the row says ${size} bytes, Storage has ${answered.total}`);
  }
  const asked = `bytes ${range.first}-${range.last}`;
  const length = stated === null ? bytesIn(range) : Number(stated);
  return answered?.first === range.first && answered.last === range.last &&
      length === bytesIn(range)
    ? undefined
    : again("failed", "storage_failed", `Storage answered others than ${asked}`, BROKEN);
}

function bytesIn({ first, last }: ByteRange): number {
  return last - first + 1;
}

/** A connection that ended too early. */
const BROKEN: PossibleOutage = { busy: false, retryAfterMs: 0 };

function again(
  failureClass: ObjectFailure["class"],
  code: string,
  message: string,
  possibleOutage?: PossibleOutage,
): Attempt {
  return { kind: "again", failure: { class: failureClass, code, message }, possibleOutage };
}

function final(failureClass: ObjectFailure["class"], code: string, message: string): Attempt {
  return { kind: "final", failure: { class: failureClass, code, message } };
}
