import type { Scene } from "./environment.ts";
import { NO_BREAK_SPACE } from "./words.ts";

/** How many requests there were of each kind. */
export type Kinds = Readonly<Record<string, number>>;

/** What Storage and S3 were asked during a phase, by their own logs. */
export interface Requests {
  readonly storage: Kinds;
  readonly s3: Kinds;
}

/** Begins to count anew. */
export async function resetRequests({ stack, source, target }: Scene): Promise<void> {
  await source.call("resetStorageRequests", {});
  await target.call("resetStorageRequests", {});
  await stack.call("resetS3Requests", {});
}

/** What both projects' Storage and the S3 server were asked since the last reset. */
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

/** How many there were in all. */
export function total(kinds: Kinds): number {
  return Object.values(kinds).reduce((sum, count) => sum + count, 0);
}

/** `618 PutObject, 3 UploadPart`, the most frequent first, not to be broken within; `none`. */
export function kindsInWords(kinds: Kinds): string {
  const sorted = Object.entries(kinds).sort(([, one], [, other]) => other - one);
  const items = sorted.map(([kind, count]) => `${count} ${kind}`.replaceAll(" ", NO_BREAK_SPACE));
  return items.join(", ") || "none";
}
