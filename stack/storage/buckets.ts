import { refusing, type Sql } from "./database.ts";
import { refusal, StorageError } from "./errors.ts";

/** The columns of storage.buckets that answers contain. */
export interface BucketRow {
  id: string;
  name: string;
  owner: string | null;
  public: boolean;
  type?: string;
  /** Bytes; null for no limit. It is text, because the column is a bigint. */
  file_size_limit: string | null;
  allowed_mime_types: string[] | null;
  created_at: Date;
  updated_at: Date;
}

/** The bucket with that id; `undefined` if it does not exist or the role may not see it. */
export async function findBucket(sql: Sql, id: string): Promise<BucketRow | undefined> {
  const [row] = await refusing(
    sql<BucketRow[]>`
      select id, name, owner, public, created_at, updated_at, file_size_limit, allowed_mime_types
      from storage.buckets where id = ${id}`,
  );
  return row;
}

/** @throws StorageError NoSuchBucket. */
export async function requireBucket(sql: Sql, id: string): Promise<BucketRow> {
  const bucket = await findBucket(sql, id);
  if (!bucket) throw refusal.noSuchBucket();
  return bucket;
}

/** @throws StorageError BucketAlreadyExists, AccessDenied. */
export async function insertBucket(sql: Sql, values: Record<string, unknown>): Promise<void> {
  try {
    await refusing(sql`insert into storage.buckets ${sql(defined(values))}`);
  } catch (error) {
    const taken = error instanceof StorageError && error.body.code === "ResourceAlreadyExists";
    throw taken ? refusal.bucketAlreadyExists() : error;
  }
}

/**
 * Changes a bucket, and returns whether it was public before. No trigger updates its updated_at.
 *
 * @throws StorageError NoSuchBucket, also if a policy hides the bucket.
 */
export async function updateBucket(
  sql: Sql,
  id: string,
  values: Record<string, unknown>,
): Promise<{ wasPublic: boolean }> {
  const [row] = await refusing(
    sql<{ was_public: boolean }[]>`
      with previous as (select public from storage.buckets where id = ${id})
      update storage.buckets set ${sql(defined(values))} where id = ${id}
      returning (select public from previous) as was_public`,
  );
  if (!row) throw refusal.noSuchBucket();
  return { wasPublic: row.was_public };
}

/** The parameters of a listing of buckets. */
export interface BucketListing {
  limit: number | undefined;
  offset: number | undefined;
  sortColumn: "id" | "name" | "created_at" | "updated_at" | undefined;
  sortOrder: "asc" | "desc" | undefined;
  search: string | undefined;
}

/** The buckets that the role may see. */
export async function listBuckets(sql: Sql, listing: BucketListing): Promise<BucketRow[]> {
  const { limit, offset, sortColumn, sortOrder, search } = listing;
  return await sql<BucketRow[]>`
    select id, name, owner, public, type, created_at, updated_at, file_size_limit,
      allowed_mime_types
    from storage.buckets
    ${search ? sql`where name ilike ${`%${escapePattern(search)}%`}` : sql``}
    ${sortColumn ? sql`order by ${sql(sortColumn)}` : sql``}
    ${sortColumn && sortOrder === "desc" ? sql`desc` : sql``}
    ${limit === undefined ? sql`` : sql`limit ${limit}`}
    ${offset === undefined ? sql`` : sql`offset ${offset}`}`;
}

/** Escapes a text for a LIKE pattern. */
export function escapePattern(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}

/** A bucket as answers contain it. */
export function shownBucket(row: BucketRow): Record<string, unknown> {
  const { file_size_limit, owner, ...rest } = row;
  return {
    ...rest,
    owner: owner ?? "",
    file_size_limit: file_size_limit === null ? null : Number(file_size_limit),
  };
}

function defined(values: Record<string, unknown>) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
