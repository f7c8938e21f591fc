import type { Scene } from "./environment.ts";
import { NO_BREAK_SPACE } from "./words.ts";

/** The number of requests of each kind. */
export type Kinds = Readonly<Record<string, number>>;

/** The requests to Storage and S3 during a phase, from their own logs. */
export interface Requests {
  readonly storage: Kinds;
  readonly s3: Kinds;
}

/** Resets the counts. */
export async function resetRequests({ stack, source, target }: Scene): Promise<void> {
  await source.call("resetStorageRequests", {});
  await target.call("resetStorageRequests", {});
  await stack.call("resetS3Requests", {});
}

/** Counts the requests to both projects' Storage and to the S3 server since the last reset. */
export async function countRequests({ stack, source, target }: Scene): Promise<Requests> {
  const one = await source.call("storageRequestCounts", {});
  const other = await target.call("storageRequestCounts", {});
  return { storage: add(one, other), s3: await stack.call("s3RequestCounts", {}) };
}

function add(one: Kinds, other: Kinds): Kinds {
  const sum: Record<string, number> = { ...one };
  for (const [kind, count] of Object.entries(other)) sum[kind] = (sum[kind] ?? 0) + count;
  return sum;
}

/** The sum over all kinds. */
export function total(kinds: Kinds): number {
  return Object.values(kinds).reduce((sum, count) => sum + count, 0);
}

/**
 * For example `618 PutObject, 3 UploadPart`, most frequent first, without line breaks; or `none`.
 */
export function kindsInWords(kinds: Kinds): string {
  const sorted = Object.entries(kinds).sort(([, one], [, other]) => other - one);
  const items = sorted.map(([kind, count]) => `${count} ${kind}`.replaceAll(" ", NO_BREAK_SPACE));
  return items.join(", ") || "none";
}
