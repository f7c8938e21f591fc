/** Telling an outage from an object whose bytes Storage can't give. */
import { HoldfastError } from "../config/errors.ts";
import type { Database } from "../lib/database.ts";
import { discardBody, type ObjectReader } from "../project/storage_reader.ts";
import type { BackupItem } from "./types.ts";
import type { FailedRead } from "./read_object.ts";

/** Leases, a minute each, for which a failure is waited out where nothing tells whose it is. */
const OUTAGE_WAIT_LEASES = 5;
/** Objects that are read again, at most. */
const MAX_SAMPLES = 3;

/** What telling an outage needs of the outside. */
export interface OutageContext {
  readonly reader: ObjectReader;
  readonly database: Database;
  /** Leases of the cursor since its last commit, this one included. */
  readonly attempts: number;
  /** Whether Storage answers anything at all. */
  readonly storageAnswers: () => Promise<boolean>;
}

/** What is known to be readable: it was read before. */
type ReadableSample = Pick<BackupItem, "bucket_id" | "name">;

/**
 * What is out, if something is; undefined where the failures are the objects' own, so that they are
 * recorded and passed. All have failed at their last try by something that may be Storage's as a
 * whole: a 5xx, no answer, a page of a gateway. Storage over files answers so, too, and for ever,
 * for each row whose bytes are lost. So:
 *
 * 1. An answer that says "too busy" is Storage's. Only after five leases without any progress it is
 *    doubted.
 * 2. Else what was readable is read again, one byte of it: objects of this page (`read`), or some
 *    whose present version the repository holds. If one can be read, the failures are the objects'
 *    own; if none can, Storage is out.
 * 3. Where nothing was ever readable, as in the first minutes of a first backup, the failures are
 *    the objects' own after five leases, or once the run has recorded such a failure; but not while
 *    Storage does not even list buckets.
 *
 * An outage is waited out, a try a minute, until the run made no progress for six hours.
 */
export async function detectOutage(
  failures: readonly Pick<FailedRead, "failure" | "possibleOutage">[],
  read: readonly ReadableSample[],
  outside: OutageContext,
): Promise<HoldfastError | undefined> {
  const doubtful = failures.filter(({ possibleOutage }) => possibleOutage !== undefined);
  if (doubtful.length === 0) return undefined;
  const waiting = outside.attempts < OUTAGE_WAIT_LEASES;
  const busy = doubtful.some(({ possibleOutage }) => possibleOutage?.busy);
  const out = (busy && waiting) || !await areObjectFailures(read, waiting, outside);
  return out ? outage(doubtful) : undefined;
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
