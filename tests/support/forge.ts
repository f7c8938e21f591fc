import { gunzipSync, gzipSync } from "node:zlib";
import type { TestProject } from "./project.ts";
import { digestOf, type SnapshotDocument } from "../../stack/repository_reader.ts";

/** The log's record of a snapshot. */
interface Record {
  sequence: number;
  snapshot: string;
  sha256: string;
}

/** A snapshot that a client with write access to the bucket can change. */
export interface Forgery {
  record: Record;
  document: SnapshotDocument;
  /** The lines of its first part. */
  lines: string[];
}

/** Changes that are written unmodified, without updating the digests. */
export interface Unfit {
  /** The bytes of the part, under its original key. */
  part?: Uint8Array<ArrayBuffer>;
  /** Text appended to the document, which its record's digest does not cover. */
  behindDocument?: string;
}

/**
 * Changes the newest snapshot of a repository, as any client with write access can. It updates
 * every digest of the changed data, except for `Unfit` changes. Returns a function that undoes the
 * change.
 */
export async function forge(
  project: TestProject,
  change: (forgery: Forgery) => Unfit | void,
): Promise<() => Promise<void>> {
  const [logKey] = (await project.bucket.keys("holdfast/log/")).slice(-1);
  const record = await readJson(project, logKey!) as Record;
  const key = `holdfast/snapshots/${record.snapshot}.json`;
  const document = await readJson(project, key) as SnapshotDocument;
  const [part] = document.parts;
  const partKey = `holdfast/${part!.key}`;
  const originals = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of [logKey!, key, partKey]) {
    originals.set(name, (await project.bucket.get(name))!);
  }

  const lines = gunzipSync(originals.get(partKey)!).toString().trimEnd().split("\n");
  const forgery = { record, document, lines };
  const before = JSON.stringify(lines);
  const unfit = change(forgery) ?? {};
  if (JSON.stringify(lines) !== before) await putPart(project, part!, lines);
  if (unfit.part) await project.bucket.put(partKey, unfit.part);
  const text = JSON.stringify(document);
  await project.bucket.put(key, text + (unfit.behindDocument ?? ""));
  const sha256 = digestOf(new TextEncoder().encode(text));
  await project.bucket.put(logKey!, JSON.stringify({ ...record, sha256 }));
  return async () => {
    for (const [name, bytes] of originals) await project.bucket.put(name, bytes);
  };
}

async function readJson(project: TestProject, key: string): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await project.bucket.get(key)));
}

async function putPart(
  project: TestProject,
  part: SnapshotDocument["parts"][number],
  lines: string[],
): Promise<void> {
  const packed = new Uint8Array(gzipSync(lines.join("\n") + "\n"));
  part.key = `lists/${digestOf(packed)}.ndjson.gz`;
  part.entries = lines.length;
  part.bytes = packed.length;
  await project.bucket.put(`holdfast/${part.key}`, packed);
}
