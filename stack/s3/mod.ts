import { HttpServer } from "./server.ts";
import { Store } from "./store/store.ts";
import type { S3Options, S3Server } from "./types.ts";

export type {
  ConditionalWrites,
  Credential,
  Fault,
  FaultHook,
  Permissions,
  S3Options,
  S3RequestRecord,
  S3Server,
} from "./types.ts";
export type { RequestLog, RequestRecord } from "../request_log.ts";
export type { Operation } from "./router.ts";

/**
 * Starts a stand-in for S3 on a port of 127.0.0.1. It is as strict as real servers.
 *
 * Objects, uploads and buckets are kept when it ends, also after SIGKILL. The next server on the
 * same folder continues with them.
 */
export async function startS3(options: S3Options): Promise<S3Server> {
  const store = await Store.open(options.directory);
  try {
    return await HttpServer.listen(options, store);
  } catch (error) {
    store.close();
    throw error;
  }
}
