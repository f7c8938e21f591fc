import type postgres from "postgres";
import { digestOf } from "../../stack/repository_reader.ts";

/** How a project is reached: by its database and by its Storage. */
export interface ProjectDoors {
  /** The gateway: SUPABASE_URL. */
  url: string;
  secretKey: string;
  sql: postgres.Sql;
}

/** A row of storage.objects, times as text so that no microsecond is lost. */
export interface ObjectRow {
  id: string;
  bucket_id: string;
  name: string;
  version: string;
  owner: string | null;
  owner_id: string | null;
  metadata: Record<string, unknown>;
  user_metadata: Record<string, unknown> | null;
  created_at: string;
  updated_at: string;
}

/** A row with the digest of what Storage answers for it; undefined where it answers no bytes. */
export type ReadObject = ObjectRow & { sha256: string | undefined };

/** Every row of storage.objects outside of Holdfast's own buckets, by `bucket/name`. */
export async function readRows(sql: postgres.Sql): Promise<Map<string, ObjectRow>> {
  const rows = await sql<ObjectRow[]>`
    select id, bucket_id, name, version, owner, owner_id, metadata, user_metadata,
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
      to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
    from storage.objects order by bucket_id collate "C", name collate "C"`;
  return new Map(rows.map((row) => [`${row.bucket_id}/${row.name}`, { ...row }]));
}

/** The same, each with its bytes read from Storage past any cache. */
export async function readObjects(project: ProjectDoors): Promise<Map<string, ReadObject>> {
  const objects = new Map<string, ReadObject>();
  for (const [place, row] of await readRows(project.sql)) {
    const bytes = await download(project, row.bucket_id, row.name);
    objects.set(place, { ...row, sha256: bytes && digestOf(bytes) });
  }
  return objects;
}

/** An object's bytes as Storage answers them; undefined where it does not. */
export async function download(
  { url, secretKey }: Pick<ProjectDoors, "url" | "secretKey">,
  bucket: string,
  name: string,
): Promise<Uint8Array | undefined> {
  const path = [bucket, ...name.split("/")].map(encodeURIComponent).join("/");
  const response = await fetch(
    `${url}/storage/v1/object/authenticated/${path}?cacheNonce=${crypto.randomUUID()}`,
    { headers: { apikey: secretKey, authorization: `Bearer ${secretKey}` } },
  );
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  await response.body?.cancel();
  return undefined;
}

/** Every row of storage.buckets as JSON, without what no restore can bring back. */
export async function readBuckets(sql: postgres.Sql): Promise<Record<string, unknown>[]> {
  const rows = await sql<{ bucket: Record<string, unknown> }[]>`
    select to_jsonb(b) - 'updated_at' as bucket from storage.buckets b order by id collate "C"`;
  return rows.map(({ bucket }) => bucket);
}

/** What a restore must bring back of an object: everything but what Storage makes anew. */
export function restorable({ id: _id, version: _version, metadata, ...rest }: ReadObject) {
  const { eTag: _eTag, lastModified: _lastModified, ...kept } = metadata;
  return { ...rest, metadata: kept };
}
