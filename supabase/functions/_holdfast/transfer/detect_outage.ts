/** Distinguishes an outage of Storage from objects whose bytes it can't return. */
import { HoldfastError } from "../config/errors.ts";
import type { Database } from "../lib/database.ts";
import { discardBody, type ObjectReader } from "../project/storage_reader.ts";
import type { BackupItem } from "./types.ts";
import type { FailedRead } from "./read_object.ts";

/** Leases, a minute each, during which a failure of unclear cause counts as an outage. */
const OUTAGE_WAIT_LEASES = 5;
/** Most objects that are read again as samples. */
const MAX_SAMPLES = 3;

/** The dependencies of detecting an outage. */
export interface OutageContext {
  readonly reader: ObjectReader;
  readonly database: Database;
  /** Leases of the cursor since its last commit, this one included. */
  readonly attempts: number;
  /** Whether Storage responds to a listing of buckets. */
  readonly storageAnswers: () => Promise<boolean>;
}

/** An object that is known to be readable, because it was read before. */
type ReadableSample = Pick<BackupItem, "bucket_id" | "name">;

/**
 * Decides whether failures are an outage of Storage or failures of the objects. Each failure may be
 * an outage: a 5xx, no response, or a gateway's page. But Storage's file backend also responds with
 * 500 to every read of a row whose bytes are lost. The rules are:
 *
 * 1. If a response reports overload, it is an outage, except after five leases without progress.
 * 2. Otherwise one byte of readable objects is read again: objects of this page, or objects whose
 *    present version is in the repository. If one can be read, the failures are the objects' own. If
 *    none can be read, it is an outage.
 * 3. If no object is known to be readable, as at the start of a first backup, it is an outage for
 *    five leases, or until the run has recorded such a failure. After that, the failures are the
 *    objects' own if Storage lists buckets.
 *
 * During an outage the run retries once a minute, until it has made no progress for six hours.
 *
 * @param failures failures of a page's objects, after their last try
 * @param read objects of the page that were read
 * @returns the outage; undefined if the failures are the objects' own and can be recorded
 */
export async function detectOutage(
  failures: readonly Pick<FailedRead, "failure" | "possibleOutage">[],
  read: readonly ReadableSample[],
  outside: OutageContext,
): Promise<HoldfastError | undefined> {
  const unclear = failures.filter(({ possibleOutage }) => possibleOutage !== undefined);
  if (unclear.length === 0) return undefined;
  const waiting = outside.attempts < OUTAGE_WAIT_LEASES;
  const busy = unclear.some(({ possibleOutage }) => possibleOutage?.busy);
  const out = (busy && waiting) || !await areObjectFailures(read, waiting, outside);
  return out ? outage(unclear) : undefined;
}

async function areObjectFailures(
  read: readonly ReadableSample[],
  waiting: boolean,
  outside: OutageContext,
): Promise<boolean> {
  const { database } = outside;
  const samples = read.length > 0
    ? read.slice(-MAX_SAMPLES)
    : await database.call<ReadableSample[]>("readable_objects", { max_objects: MAX_SAMPLES });
  for (const { bucket_id, name } of samples) {
    const answer = await outside.reader.read(bucket_id, name, { first: 0, last: 0 });
    if (answer.kind === "bytes") await discardBody(answer.response);
    if (answer.kind !== "failed") return true;
  }
  if (samples.length > 0) return false;
  if (waiting && !await database.call<boolean>("has_storage_failure", {})) return false;
  return await outside.storageAnswers();
}

function outage(
  failures: readonly Pick<FailedRead, "failure" | "possibleOutage">[],
): HoldfastError {
  return new HoldfastError("storage_unreachable", `${failures[0]?.failure.message}.`, {
    retryAfterMs: Math.max(
      ...failures.map(({ possibleOutage }) => possibleOutage?.retryAfterMs ?? 0),
    ),
  });
}
