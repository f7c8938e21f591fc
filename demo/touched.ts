/** Checks that a second backup touched only the changed objects. */
import { isDeepStrictEqual } from "node:util";
import type { Change } from "./changes.ts";
import { locationOf } from "./objects.ts";
import { readerOf, type Snapshot } from "./repository.ts";
import type { Scene } from "./environment.ts";

/** The effects of a backup, read from the repository and the servers' logs. */
export interface Touched {
  /** Locations for which the later snapshot holds new entries. */
  readonly puts: string[];
  /** Locations that the later snapshot no longer lists. */
  readonly removes: string[];
  /** Locations whose bytes the backup read from Storage. */
  readonly reads: string[];
  /** Number of data keys that the backup wrote. */
  readonly written: number;
}

/** Compares two snapshots, and collects the reads and writes since the last reset of the logs. */
export async function whatWasTouched(
  before: Snapshot,
  after: Snapshot,
  { stack, source, repository }: Scene,
): Promise<Touched> {
  const { records: asked } = await source.storageRequests();
  const { records: written } = await stack.s3Requests(repository.bucket);
  const data = `${readerOf(repository).prefix}/data/`;
  return {
    puts: [...after.entries].flatMap(([location, entry]) =>
      isDeepStrictEqual(entry, before.entries.get(location)) ? [] : [location]
    ),
    removes: [...before.entries.keys()].filter((location) => !after.entries.has(location)),
    reads: asked.flatMap(({ method, path }) => method === "GET" ? [locationOfPath(path)] : []),
    written: written.filter(({ method, key }) => method === "PUT" && key?.startsWith(data)).length,
  };
}

/** The differences between a backup's effects and the expected ones, in words; empty if none. */
export function findUnexpected(touched: Touched, changes: readonly Change[]): string[] {
  const wanted = {
    puts: changes.flatMap((change) => change.puts),
    removes: changes.flatMap((change) => change.removes),
    reads: changes.flatMap((change) => change.reads),
  };
  const written = touched.written === wanted.reads.length
    ? []
    : [`the second backup wrote ${touched.written} keys of bytes, not ${wanted.reads.length}`];
  return [
    ...setDifference("listed anew", touched.puts, wanted.puts),
    ...setDifference("no longer listed", touched.removes, wanted.removes),
    ...setDifference("read from Storage", touched.reads, wanted.reads),
    ...written,
  ];
}

function setDifference(what: string, actual: string[], wanted: string[]): string[] {
  const counted = new Map<string, number>();
  for (const location of actual) counted.set(location, (counted.get(location) ?? 0) + 1);
  for (const location of wanted) counted.set(location, (counted.get(location) ?? 0) - 1);
  return [...counted].flatMap(([location, excess]) =>
    excess === 0
      ? []
      : [`${JSON.stringify(location)} was ${excess > 0 ? "" : "not "}${what} by the second backup`]
  );
}

/** The object that a logged path names; the path itself if it names no object. */
function locationOfPath(path: string): string {
  const match = /^\/?object\/authenticated\/([^/?]+)\/([^?]*)/.exec(path);
  const [, bucket, name] = match ?? [];
  if (bucket === undefined || name === undefined) return path;
  return locationOf({ bucket: decodeURIComponent(bucket), name: decodeURIComponent(name) });
}
