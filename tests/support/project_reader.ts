import type postgres from "postgres";
import { digestOf } from "../../stack/repository_reader.ts";

/** Access to a project, through its database and its Storage. */
export interface ProjectConnections {
  /** The gateway: SUPABASE_URL. */
  url: string;
  secretKey: string;
  sql: postgres.Sql;
}

/** A row of storage.objects. Times are text, so that microseconds are kept. */
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

/** A row with the digest of the bytes that Storage serves; undefined if it serves none. */
export type ReadObject = ObjectRow & { sha256: string | undefined };

/** Every row of storage.objects outside Holdfast's own buckets, by `bucket/name`. */
export async function readRows(sql: postgres.Sql): Promise<Map<string, ObjectRow>> {
  const rows = await sql<ObjectRow[]>`
    select id, bucket_id, name, version, owner, owner_id, metadata, user_metadata,
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
      to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
    from storage.objects order by bucket_id collate "C", name collate "C"`;
  return new Map(rows.map((row) => [`${row.bucket_id}/${row.name}`, { ...row }]));
}

/** Every row with its bytes, which are read from Storage without any cache. */
export async function readObjects(project: ProjectConnections): Promise<Map<string, ReadObject>> {
  const objects = new Map<string, ReadObject>();
  for (const [place, row] of await readRows(project.sql)) {
    const bytes = await download(project, row.bucket_id, row.name);
    objects.set(place, { ...row, sha256: bytes && digestOf(bytes) });
  }
  return objects;
}

/** An object's bytes as Storage serves them; undefined if it serves none. */
export async function download(
  { url, secretKey }: Pick<ProjectConnections, "url" | "secretKey">,
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

/** Every row of storage.buckets as JSON, without the fields that no restore can set. */
export async function readBuckets(sql: postgres.Sql): Promise<Record<string, unknown>[]> {
  const rows = await sql<{ bucket: Record<string, unknown> }[]>`
    select to_jsonb(b) - 'updated_at' as bucket from storage.buckets b order by id collate "C"`;
  return rows.map(({ bucket }) => bucket);
}

/**
 * The fields of an object that a restore must bring back: all except those that Storage generates.
 */
export function restorable({ id: _id, version: _version, metadata, ...rest }: ReadObject) {
  const { eTag: _eTag, lastModified: _lastModified, ...kept } = metadata;
  return { ...rest, metadata: kept };
}
