import { RequestLog, type RequestRecord } from "../request_log.ts";

/** One request that reached Storage; its path is what follows the API's root. */
export interface StorageRequestRecord extends RequestRecord {
  /** What the CDN in front made of it; absent where there is none. */
  cache?: "HIT" | "MISS" | "DYNAMIC";
}

/** What a Storage was asked. */
export type StorageRequestLog = RequestLog<StorageRequestRecord>;

/** A log in which nothing is yet. */
export function createStorageRequestLog(): StorageRequestLog {
  return new RequestLog<StorageRequestRecord>();
}
