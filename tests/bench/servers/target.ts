/** The stand-in for S3, over TLS: what a lane, a pass-through and rclone write to. */
import { startS3 } from "../../stack/s3/mod.ts";
import type { S3Options, S3Server } from "../../stack/s3/types.ts";
import { answerQuestions } from "./protocol.ts";

let server: S3Server | undefined;

function started(): S3Server {
  if (!server) throw new Error("not started");
  return server;
}

await answerQuestions({
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
