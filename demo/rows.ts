/** Reads the rows of a project's Storage in SQL: every column that a restore restores, as text. */
import { connect } from "../stack/postgres/connection.ts";
import type { Location } from "./objects.ts";

/** An object's columns that a restore restores. Id and version are new by design. */
const OBJECT_COLUMNS = {
  size: "metadata ->> 'size'",
  type: "metadata ->> 'mimetype'",
  cache_control: "metadata ->> 'cacheControl'",
  user_metadata: "user_metadata::text",
  owner: "owner::text",
  owner_id: "owner_id",
  created_at: utc("created_at"),
  updated_at: utc("updated_at"),
} as const;

/** A bucket's columns that a restore restores. */
const BUCKET_COLUMNS = {
  name: "name",
  public: "public::text",
  file_size_limit: "file_size_limit::text",
  allowed_mime_types: "allowed_mime_types::text",
  avif_autodetection: "avif_autodetection::text",
  owner_id: "owner_id",
  created_at: utc("created_at"),
} as const;

/** An object's columns as text; null for SQL's null. */
export type ObjectColumns = Readonly<Record<keyof typeof OBJECT_COLUMNS, string | null>>;
/** A bucket's columns. */
export type BucketColumns = Readonly<Record<keyof typeof BUCKET_COLUMNS, string | null>>;

/** An object's row. */
export interface ObjectRow extends Location {
  readonly columns: ObjectColumns;
}

/** Every row of a project's Storage. */
export interface StorageRows {
  /** By `bucket/name`. */
  readonly objects: ReadonlyMap<string, ObjectRow>;
  /** By id. */
  readonly buckets: ReadonlyMap<string, BucketColumns>;
}

/** Reads the rows as the role `postgres`, which bypasses row level security. */
export async function readRows(databaseUrl: string): Promise<StorageRows> {
  await using sql = connect(databaseUrl);
  const objects = await sql.unsafe<(ObjectColumns & { bucket_id: string; object_name: string })[]>(`
    select bucket_id, name as object_name, ${selectionOf(OBJECT_COLUMNS)} from storage.objects
    order by bucket_id collate "C", name collate "C"`);
  const buckets = await sql.unsafe<(BucketColumns & { id: string })[]>(`
    select id, ${selectionOf(BUCKET_COLUMNS)} from storage.buckets order by id collate "C"`);
  return {
    objects: new Map(objects.map(({ bucket_id: bucket, object_name: name, ...columns }) => [
      `${bucket}/${name}`,
      { bucket, name, columns },
    ])),
    buckets: new Map(buckets.map(({ id, ...columns }) => [id, columns])),
  };
}

/** A time in UTC with microseconds. The text does not depend on the session's time zone. */
function utc(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

function selectionOf(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns).map(([name, source]) => `${source} as ${name}`).join(", ");
}
