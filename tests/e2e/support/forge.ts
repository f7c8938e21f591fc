import { gunzipSync, gzipSync } from "node:zlib";
import type { TestProject } from "./project.ts";
import { digestOf, type SnapshotDocument } from "./repository_reader.ts";

/** A snapshot as somebody who can write to the bucket may change it. */
export interface Forgery {
  document: SnapshotDocument;
  /** The lines of its first part. */
  lines: string[];
}

/**
 * Changes the newest snapshot of a repository, as whoever holds the bucket can: every digest that
 * names what was changed is made to fit.
 */
export async function forge(
  project: TestProject,
  change: (forgery: Forgery) => void,
): Promise<void> {
  const [logKey] = (await project.bucket.keys("holdfast/log/")).slice(-1);
  const record = await readJson(project, logKey!) as { snapshot: string; sha256: string };
  const key = `holdfast/snapshots/${record.snapshot}.json`;
  const document = await readJson(project, key) as SnapshotDocument;
  const [part] = document.parts;
  const packed = (await project.bucket.get(`holdfast/${part!.key}`))!;
  const forgery = { document, lines: gunzipSync(packed).toString().trimEnd().split("\n") };
  change(forgery);
  await putPart(project, part!, forgery.lines);
  const text = JSON.stringify(document);
  await project.bucket.put(key, text);
  const sha256 = digestOf(new TextEncoder().encode(text));
  await project.bucket.put(logKey!, JSON.stringify({ ...record, sha256 }));
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
