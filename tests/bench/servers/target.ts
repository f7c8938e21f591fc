/** The stand-in for S3, over TLS: what a worker, a pass-through and rclone write to. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { startS3 } from "../../../stack/s3/mod.ts";
import type { S3Options, S3Server } from "../../../stack/s3/types.ts";
import { readDescription } from "../../../stack/s3/operations/description.ts";
import { Bucket } from "../../../stack/s3/store/bucket.ts";
import { nowInSeconds } from "../../../stack/s3/store/types.ts";
import { nameOf } from "../support/objects.ts";
import { answerQuestions } from "./protocol.ts";

let server: S3Server | undefined;

function started(): S3Server {
  if (!server) throw new Error("not started");
  return server;
}

/** Creates a bucket with empty objects before the server starts. */
async function fill(
  { directory, bucket, objects }: { directory: string; bucket: string; objects: number },
): Promise<void> {
  const filled = await Bucket.open(bucket, join(directory, bucket));
  const description = { ...readDescription(new Map()), bytes: 0, segments: [] };
  const etag = createHash("md5").digest("hex");
  for (let index = 0; index < objects; index++) {
    const object = { ...description, key: nameOf(index), etag, modified: nowInSeconds() };
    filled.put(object, () => {});
  }
  filled.close();
}

await answerQuestions({
  fill,
  start: async (options: S3Options) => {
    server = await startS3(options);
    return server.endpoint;
  },
  createBucket: (name: string) => started().createBucket(name),
  reset: () => started().requests.reset(),
  counts: () => started().requests.counts(),
  records: () => started().requests.records(),
});
await server?.stop();
