import { z } from "zod";
import { operation } from "./operation.ts";

const permissions = z.enum(["all", "read", "append", "minimal"]);

const delayMilliseconds = z.int().positive().optional();

/** A fault of the S3 stand-in: see Fault in stack/s3/types.ts. */
const fault = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("delay"), delayMilliseconds }),
  z.strictObject({
    kind: z.literal("error"),
    delayMilliseconds,
    status: z.int(),
    code: z.string(),
    message: z.string().optional(),
    retryAfterSeconds: z.int().optional(),
  }),
  z.strictObject({
    kind: z.literal("reset"),
    delayMilliseconds,
    when: z.enum(["before_body", "after_body"]),
  }),
  z.strictObject({
    kind: z.literal("truncate"),
    delayMilliseconds,
    afterBytes: z.int().nonnegative(),
  }),
  z.strictObject({ kind: z.literal("lose_reply"), delayMilliseconds }),
]);

const faultRule = z.strictObject({
  route: z.string().optional(),
  bucket: z.string().optional(),
  keyContains: z.string().optional(),
  skip: z.int().nonnegative().optional(),
  count: z.int().positive().optional(),
  fault,
});

/** Operations on the S3 server. All projects share it, so each test uses its own bucket. */
export const s3Operations = {
  createRepositoryBucket: operation(
    z.strictObject({ permissions: permissions.optional(), prefix: z.string().optional() }),
    (stack, options) => stack.createRepositoryBucket(options),
  ),
  repositoryBucket: operation(
    z.strictObject({
      bucket: z.string(),
      permissions: permissions.optional(),
      prefix: z.string().optional(),
    }),
    (stack, { bucket, ...options }) => stack.repositoryBucket(bucket, options),
  ),
  s3Requests: operation(
    z.strictObject({ bucket: z.string().optional() }),
    (stack, { bucket }) => {
      const records = stack.s3.requests.records()
        .filter((record) => bucket === undefined || record.bucket === bucket);
      return { counts: countRoutes(records), records };
    },
  ),
  /**
   * Counts by route over all buckets since the last reset. They include requests without a record.
   */
  s3RequestCounts: operation(z.strictObject({}), (stack) => stack.s3.requests.counts()),
  resetS3Requests: operation(z.strictObject({}), (stack) => stack.s3.requests.reset()),
  addS3Fault: operation(
    z.strictObject({ rule: faultRule }),
    (stack, { rule }) => stack.s3Faults.add(rule),
  ),
  clearS3Faults: operation(
    z.strictObject({ bucket: z.string().optional() }),
    (stack, { bucket }) => stack.s3Faults.clear(bucket),
  ),
  ageS3Uploads: operation(
    z.strictObject({ bucket: z.string(), hours: z.number().positive() }),
    (stack, { bucket, hours }) => stack.s3.ageUploads(bucket, hours * 60 * 60 * 1000),
  ),
  /** Sets a default retention on a bucket. Its objects stay. */
  lockS3Bucket: operation(
    z.strictObject({ bucket: z.string() }),
    (stack, { bucket }) => void stack.s3.locked.add(bucket),
  ),
  damageS3Object: operation(
    z.strictObject({ bucket: z.string(), key: z.string(), at: z.int().nonnegative().optional() }),
    (stack, { bucket, key, at }) => flipByte(stack.s3.objectFiles(bucket, key), at ?? 0),
  ),
};

function countRoutes(records: { route: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { route } of records) counts[route] = (counts[route] ?? 0) + 1;
  return counts;
}

/** Inverts one byte of an object whose bytes are the concatenation of several files. */
async function flipByte(files: string[], at: number): Promise<void> {
  let offset = at;
  for (const path of files) {
    using file = await Deno.open(path, { read: true, write: true });
    const { size } = await file.stat();
    if (offset >= size) {
      offset -= size;
      continue;
    }
    const byte = new Uint8Array(1);
    await file.seek(offset, Deno.SeekMode.Start);
    await file.read(byte);
    await file.seek(offset, Deno.SeekMode.Start);
    await file.write(byte.map((value) => ~value));
    return;
  }
  throw new RangeError(`the object has no byte ${at}`);
}
