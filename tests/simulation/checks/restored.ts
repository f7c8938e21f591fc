import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type ProjectConnections, readObjects } from "../../support/project_reader.ts";
import {
  digestOf,
  type RepositoryReader,
  type Snapshot,
} from "../../../stack/repository_reader.ts";

/**
 * Compares all objects of a project with what a snapshot lists.
 * @param except paths that are not compared
 * @param metadataKept at most so many objects may have the metadata of an upload instead of the owner,
 *   times and user metadata of the snapshot
 */
export async function assertRestored(
  project: ProjectConnections & { readonly reader: RepositoryReader },
  snapshot: Snapshot,
  except: ReadonlySet<string> = new Set(),
  metadataKept = 0,
): Promise<void> {
  const objects = await readObjects(project);
  const held = [...snapshot.entries].filter(([, { key }]) => key !== undefined);
  const wanted = held.map(([objectPath]) => objectPath);
  const compared = (objectPaths: string[]) =>
    objectPaths.filter((objectPath) => !except.has(objectPath)).sort();
  assert.deepEqual(compared([...objects.keys()]), compared(wanted));
  for (const [objectPath, entry] of held) {
    if (except.has(objectPath)) continue;
    const { metadata, ...row } = objects.get(objectPath)!;
    const is = {
      sha256: row.sha256,
      size: metadata.size,
      type: metadata.mimetype,
      cache_control: metadata.cacheControl,
      user_metadata: row.user_metadata,
      owner_id: row.owner_id,
      created_at: row.created_at,
      updated_at: row.updated_at,
    };
    const listed = {
      sha256: digestOf(await project.reader.bytes(entry)),
      size: entry.size,
      type: entry.type,
      cache_control: entry.cache_control,
      user_metadata: entry.user_metadata,
      owner_id: entry.owner_id,
      created_at: entry.created_at,
      updated_at: entry.updated_at,
    };
    // The metadata of an upload whose row was not patched.
    const uploaded = { ...listed, user_metadata: {}, owner_id: null, ...timesOf(is) };
    const unpatched = !isDeepStrictEqual(is, listed) && isDeepStrictEqual(is, uploaded);
    if (unpatched && metadataKept-- > 0) continue;
    assert.deepEqual(is, listed, objectPath);
  }
}

function timesOf<Times>({ created_at, updated_at }: { created_at: Times; updated_at: Times }) {
  return { created_at, updated_at };
}

/** The number of objects whose metadata the last restore reports as kept. */
export async function metadataKeptByLast(
  { sql }: Pick<ProjectConnections, "sql">,
): Promise<number> {
  const [row] = await sql<[{ kept: number }]>`
    select coalesce(sum((c.counters ->> 'objects_metadata_kept')::integer), 0)::integer as kept
    from holdfast_private.cursors c
    where c.run = (
      select r.id from holdfast_private.runs r where r.kind = 'restore' order by r.started_at desc limit 1)`;
  return row.kept;
}

/** The paths that a restore reported as not restored. */
export async function reportedByRestores(
  { sql }: Pick<ProjectConnections, "sql">,
): Promise<Set<string>> {
  const rows = await sql<{ path: string }[]>`
    select bucket_id || '/' || name as path from holdfast_private.failures where job = 'restore'`;
  return new Set(rows.map(({ path }) => path));
}
