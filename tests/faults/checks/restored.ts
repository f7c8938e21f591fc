import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type ProjectDoors, readObjects } from "../../support/project_reader.ts";
import { digestOf, type RepositoryReader, type Snapshot } from "../../stack/repository_reader.ts";

/**
 * Holds all that a project has to what a snapshot lists; `except` are places not looked at. So many
 * as `metadataKept` may have what an upload gives them, and none of the row's owner, times and user metadata.
 */
export async function assertRestored(
  project: ProjectDoors & { readonly reader: RepositoryReader },
  snapshot: Snapshot,
  except: ReadonlySet<string> = new Set(),
  metadataKept = 0,
): Promise<void> {
  const objects = await readObjects(project);
  const held = [...snapshot.entries].filter(([, { key }]) => key !== undefined);
  const wanted = held.map(([place]) => place);
  const looked = (places: string[]) => places.filter((place) => !except.has(place)).sort();
  assert.deepEqual(looked([...objects.keys()]), looked(wanted));
  for (const [place, entry] of held) {
    if (except.has(place)) continue;
    const { metadata, ...row } = objects.get(place)!;
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
    // What an upload alone says: its row was never patched.
    const uploaded = { ...listed, user_metadata: {}, owner_id: null, ...timesOf(is) };
    const unpatched = !isDeepStrictEqual(is, listed) && isDeepStrictEqual(is, uploaded);
    if (unpatched && metadataKept-- > 0) continue;
    assert.deepEqual(is, listed, place);
  }
}

function timesOf<Times>({ created_at, updated_at }: { created_at: Times; updated_at: Times }) {
  return { created_at, updated_at };
}

/** Of how many objects the last restore says that it left the metadata alone. */
export async function metadataKeptByLast({ sql }: Pick<ProjectDoors, "sql">): Promise<number> {
  const [row] = await sql<[{ kept: number }]>`
    select coalesce(sum((c.counters ->> 'objects_metadata_kept')::integer), 0)::integer as kept
    from holdfast.cursors c
    where c.run = (
      select r.id from holdfast.runs r where r.kind = 'restore' order by r.started_at desc limit 1)`;
  return row.kept;
}

/** Places of which a restore said that it could not restore them. */
export async function toldByRestores(
  { sql }: Pick<ProjectDoors, "sql">,
): Promise<Set<string>> {
  const rows = await sql<{ place: string }[]>`
    select bucket_id || '/' || name as place from holdfast.failures where job = 'restore'`;
  return new Set(rows.map(({ place }) => place));
}
