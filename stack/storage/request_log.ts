import { RequestLog, type RequestRecord } from "../request_log.ts";

/** One request to Storage. Its path is relative to the API's root. */
export interface StorageRequestRecord extends RequestRecord {
  /** The CDN's cache status; absent without a CDN. */
  cache?: "HIT" | "MISS" | "DYNAMIC";
}

/** The log of requests to a Storage. */
export type StorageRequestLog = RequestLog<StorageRequestRecord>;

/** Creates an empty log. */
export function createStorageRequestLog(): StorageRequestLog {
  return new RequestLog<StorageRequestRecord>();
}
