/** Reads one object of the source and verifies it against its row. */
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

/** Tries of one version, after which its failure is recorded for this run. */
const MAX_TRIES = 4;
/** Tries if bytes are missing. If the row still names the same version, they are lost. */
const MAX_TRIES_OF_MISSING = 2;
/** Time after which no further try is started. A slice must end before its isolate does. */
const LONGEST_TRYING_MS = 20_000;
/** Changes of the row during the read, after which the object is left to the next run. */
const MAX_CHANGES = 5;

/**
 * The result of reading an object. `item` is the row that the bytes belong to. `missing`: the row was
 * deleted. `changed`: the object must be copied as a multipart upload, from its start.
 */
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
  /** Set if the cause may be an outage of Storage and not the object. */
  readonly possibleOutage?: PossibleOutage | undefined;
}

/** A failure that may be an outage of Storage or of a proxy in front of it. */
export interface PossibleOutage {
  /** Whether the server reported overload. */
  readonly busy: boolean;
  /** Milliseconds that the server asked to wait; 0 if it did not. */
  readonly retryAfterMs: number;
}

type Attempt =
  | { readonly kind: "read"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The row has no size, and the object is too large for one request. */
  | { readonly kind: "large"; readonly size: number }
  | {
    readonly kind: "again";
    readonly failure: ObjectFailure;
    readonly possibleOutage?: PossibleOutage | undefined;
  }
  | { readonly kind: "final"; readonly failure: ObjectFailure };

/** Counts requests, for the run's counters. */
export interface RequestCount {
  /** Requests to the project's Storage. */
  storage: number;
}

/** The dependencies of reading. */
export interface ReadContext {
  readonly clock: Clock;
  readonly reader: ObjectReader;
  readonly database: Database;
  /** Makes the check for the reads of one object. It does not apply to ranges, which have no etag. */
  readonly createEtagVerifier: () => IsCorrupted;
}

/**
 * Reads an object or a range of it. If the bytes do not match the row, the row is read again. If the
 * row has changed, the object is read in its new version. For a range, `changed` is returned instead,
 * because the earlier parts belong to the old version.
 *
 * @param requests is increased by the requests sent
 * @param range absent: the complete object
 * @throws HoldfastError `storage_key_refused` or `database_…`
 */
export async function readObject(
  item: BackupItem,
  { clock, reader, database, createEtagVerifier }: ReadContext,
  requests: RequestCount,
  range?: ByteRange,
): Promise<ReadOutcome> {
  const isCorrupted = range ? acceptAll : createEtagVerifier();
  let current = item;
  let changes = 0;
  const began = clock.now();
  for (let tries = 1;; tries++) {
    requests.storage += 1;
    const attempt = await attemptRead(current, reader, isCorrupted, range);
    // The etag proves which version the bytes belong to. If the row has no etag, its version is
    // compared after the read, because an overwritten object never gets an earlier version back.
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

const acceptAll: IsCorrupted = () => false;

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

/** Compares the head of a response with the row and the requested range; undefined if they match. */
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
  // With another total, each part would be right but the copy would be truncated.
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

/** The possible outage behind a connection that ended too early. */
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
