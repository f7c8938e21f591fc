import {
  digestOf,
  type RepositoryReader,
  type Snapshot,
} from "../../../stack/repository_reader.ts";
import type { Exchange } from "../proxy/fault_proxy.ts";
import { assertInvariant, InvariantViolation } from "../invariants.ts";

/** The digests of all objects in a repository, by key. */
export type Fingerprint = ReadonlyMap<string, string>;

/** Reads all objects of a repository. */
export async function fingerprint(reader: RepositoryReader): Promise<Fingerprint> {
  const digests = new Map<string, string>();
  for (const key of await reader.keys()) {
    const bytes = await reader.source.get(`${reader.prefix}/${key}`);
    if (bytes) digests.set(key, digestOf(bytes));
  }
  return digests;
}

/** Asserts that no object of a repository was changed or deleted; new ones are allowed. */
export function assertKept(before: Fingerprint, after: Fingerprint): void {
  for (const [key, digest] of before) {
    const now = after.get(key);
    if (now === digest) continue;
    const what = now === undefined ? "is missing" : "has other bytes";
    throw new InvariantViolation("written_once", `${key} ${what}`);
  }
}

/** Asserts that requests to S3 overwrote and deleted nothing.
 * @param conditional whether the server honours If-None-Match */
export function assertWrittenOnce(exchanges: readonly Exchange[], conditional: boolean): void {
  const put = new Set<string>();
  for (const { party, method, path, query, status } of exchanges) {
    if (party !== "s3" || status >= 300) continue;
    if (method === "DELETE" && !query.includes("uploadId=")) {
      throw new InvariantViolation("written_once", `${path} was deleted`);
    }
    if (method !== "PUT" || query.includes("uploadId=")) continue;
    if (put.has(path) && conditional) {
      throw new InvariantViolation("written_once", `${path} was put a second time`);
    }
    put.add(path);
  }
}

/**
 * Reads every sealed snapshot with all bytes that it names. Returns the snapshots, oldest first.
 */
export async function readSnapshots(reader: RepositoryReader): Promise<Snapshot[]> {
  return await assertInvariant("no_missing_bytes", async () => {
    const snapshots: Snapshot[] = [];
    const read = new Set<string>();
    for (const id of await reader.snapshotIds()) {
      const snapshot = await reader.snapshot(id);
      for (const entry of snapshot.entries.values()) {
        if (entry.key === undefined || read.has(entry.key)) continue;
        await reader.bytes(entry);
        read.add(entry.key);
      }
      snapshots.push(snapshot);
    }
    return snapshots;
  });
}

/**
 * Asserts that an entry is marked as assumed if its bytes are stored under another name or version: they
 * were not read under its own name. Not valid after a restore.
 */
export function assertAssumedMarked(snapshots: readonly Snapshot[]): void {
  for (const { entries } of snapshots) {
    for (const [objectPath, { key, version, assumed }] of entries) {
      if (key === undefined || key.startsWith("data/~/") || assumed) continue;
      if (key.startsWith(`data/${objectPath}/${version}`)) continue;
      throw new InvariantViolation("assumed_marked", `${objectPath} is held as ${key}`);
    }
  }
}
