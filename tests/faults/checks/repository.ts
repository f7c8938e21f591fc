import { digestOf, type RepositoryReader, type Snapshot } from "../../stack/repository_reader.ts";
import type { Exchange } from "../door/door.ts";
import { BrokenPromise, holds } from "../promises.ts";

/** Digests of all that lies in a repository, by key. */
export type Fingerprint = ReadonlyMap<string, string>;

/** Reads everything in a repository. */
export async function fingerprint(reader: RepositoryReader): Promise<Fingerprint> {
  const digests = new Map<string, string>();
  for (const key of await reader.keys()) {
    const bytes = await reader.source.get(`${reader.prefix}/${key}`);
    if (bytes) digests.set(key, digestOf(bytes));
  }
  return digests;
}

/** Holds a repository to what was in it: more may have come, nothing may have changed or gone. */
export function assertKept(before: Fingerprint, after: Fingerprint): void {
  for (const [key, digest] of before) {
    const now = after.get(key);
    if (now === digest) continue;
    const what = now === undefined ? "is gone" : "has other bytes";
    throw new BrokenPromise("written_once", `${key} ${what}`);
  }
}

/** Holds requests to S3 to what a run may ask for. `conditional`: the server refuses to overwrite. */
export function assertWrittenOnce(exchanges: readonly Exchange[], conditional: boolean): void {
  const put = new Set<string>();
  for (const { party, method, path, query, status } of exchanges) {
    if (party !== "s3" || status >= 300) continue;
    if (method === "DELETE" && !query.includes("uploadId=")) {
      throw new BrokenPromise("written_once", `${path} was deleted`);
    }
    if (method !== "PUT" || query.includes("uploadId=")) continue;
    if (put.has(path) && conditional) {
      throw new BrokenPromise("written_once", `${path} was put a second time`);
    }
    put.add(path);
  }
}

/** Reads every sealed snapshot, with all bytes that it names. Answers them, oldest first. */
export async function readSnapshots(reader: RepositoryReader): Promise<Snapshot[]> {
  return await holds("no_missing_bytes", async () => {
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
 * Where nothing was restored, an entry whose bytes lie under the key of another name or version was
 * not read under its own: it must say so.
 */
export function assertAssumedMarked(snapshots: readonly Snapshot[]): void {
  for (const { entries } of snapshots) {
    for (const [place, { key, version, assumed }] of entries) {
      if (key === undefined || key.startsWith("data/~/") || assumed) continue;
      if (key.startsWith(`data/${place}/${version}`)) continue;
      throw new BrokenPromise("assumed_marked", `${place} is held as ${key}`);
    }
  }
}
