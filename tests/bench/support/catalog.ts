/** Creates rows of a project and of the catalog by SQL: a million takes a minute. */
import type { Connection } from "../../../stack/postgres/connection.ts";

const ROWS_AT_ONCE = 100_000;

/**
 * Adds rows of objects `from` to `to` (numbers from 1) to a bucket, with entries of the last sealed
 * snapshot that hold them in their current version. The objects have no bytes.
 */
export async function addHeldRows(
  sql: Connection,
  bucket: string,
  from: number,
  to: number,
): Promise<void> {
  await sql`set session_replication_role = replica`; // references are right by construction
  for (let first = from; first <= to; first += ROWS_AT_ONCE) {
    const last = Math.min(to, first + ROWS_AT_ONCE - 1);
    await addRows(sql, bucket, first, last);
    await sql`analyze storage.objects`;
    await hold(sql, bucket, first, last);
  }
  await sql`reset session_replication_role`;
  await sql`vacuum (analyze) storage.objects`;
  await sql`vacuum (analyze) holdfast_private.entries`;
  await sql`vacuum (analyze) holdfast_private.blobs`;
}

/**
 * Adds rows without entries: objects that are in no snapshot yet. Metadata is as Storage writes it.
 */
export async function addRows(
  sql: Connection,
  bucket: string,
  first: number,
  last: number,
): Promise<void> {
  await sql`
    insert into storage.objects (bucket_id, name, version, created_at, updated_at, metadata, user_metadata,
      owner_id)
    select ${bucket}, left(h, 8) || '-' || substr(h, 9, 4) || '/' || substr(h, 13) || '.png',
      -- Of yesterday: what came a minute ago is looked up once more by each run.
      gen_random_uuid()::text, now() - interval '1 day', now() - interval '1 day',
      jsonb_build_object('eTag', '"' || h || '"', 'size', 10000, 'mimetype', 'image/png',
        'cacheControl', 'max-age=3600', 'lastModified', '2026-01-01T00:00:00.000Z',
        'contentLength', 10000, 'httpStatusCode', 200),
      '{}', gen_random_uuid()::text
    from generate_series(${first}::bigint, ${last}::bigint) i, md5(i::text) h`;
}

/**
 * Makes blobs and entries for these objects, in the order of names, as the scan of a backup does.
 */
async function hold(sql: Connection, bucket: string, first: number, last: number): Promise<void> {
  await sql`
    with wanted as materialized (
      select left(h, 8) || '-' || substr(h, 9, 4) || '/' || substr(h, 13) || '.png' as name
      from generate_series(${first}::bigint, ${last}::bigint) i, md5(i::text) h
    ), repository as (
      select s.repository, max(s.sequence) as sequence from holdfast_private.snapshots s group by s.repository
    ), fresh as materialized (
      select o.*, nextval('holdfast_private.blobs_id_seq') as blob
      from (
        select o.* from wanted w join holdfast_private.source_objects o
          on o.bucket_id = ${bucket} and o.name = w.name collate "C"
        order by o.name) as o
    ), held as (
      insert into holdfast_private.blobs (id, repository, size, sha256)
      select f.blob, r.repository, f.size, sha256(f.version::bytea) from fresh f, repository r
    )
    insert into holdfast_private.entries (repository, bucket_id, name, added_in, object_id, version_uuid, blob,
      type, cache_control, user_metadata, owner_uuid, created_at, updated_at, etag_md5)
    select r.repository, f.bucket_id, f.name, r.sequence, f.id, f.version::uuid, f.blob,
      f.type, f.cache_control, f.user_metadata, f.owner_id::uuid, f.created_at, f.updated_at,
      f.etag::uuid
    from fresh f, repository r order by f.blob`;
}
