import postgres from "postgres";
import { refusing, type Sql } from "./database.ts";
import { refusal, StorageError } from "./errors.ts";

/** A row's `metadata`, as Storage writes it. */
export interface ObjectMetadata {
  readonly eTag: string;
  readonly size: number;
  readonly mimetype: string;
  readonly cacheControl: string;
  readonly lastModified: string;
  readonly contentLength: number;
  readonly httpStatusCode: number;
}

/** The columns of storage.objects that answers contain. SQL may have written any JSON into them. */
export interface ObjectRow {
  id: string;
  bucket_id: string;
  name: string;
  owner: string | null;
  owner_id: string | null;
  version: string | null;
  created_at: Date | null;
  updated_at: Date | null;
  last_accessed_at: Date | null;
  metadata: Record<string, unknown> | null;
  user_metadata: Record<string, unknown> | null;
}

/** The values of a write. An absent field keeps its value or gets the column's default. */
export interface ObjectValues {
  bucket_id?: string;
  name?: string;
  owner?: string;
  version?: string;
  metadata?: unknown;
  user_metadata?: unknown;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-5][0-9a-f]{3}-[089ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** The columns of a write. The deprecated column `owner` is set only if the owner is a uuid. */
function columns(sql: Sql, values: ObjectValues) {
  const { owner, metadata, user_metadata, ...plain } = values;
  const record = {
    ...plain,
    owner: owner !== undefined && UUID.test(owner) ? owner : undefined,
    owner_id: owner,
    metadata: json(sql, metadata),
    user_metadata: json(sql, user_metadata),
  };
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function json(sql: Sql, value: unknown) {
  return value === undefined || value === null
    ? value
    : sql.json(value as Parameters<Sql["json"]>[0]);
}

/** @throws StorageError KeyAlreadyExists, AccessDenied. */
export async function insertObject(sql: Sql, values: ObjectValues): Promise<void> {
  try {
    await refusing(sql`insert into storage.objects ${sql(columns(sql, values))}`);
  } catch (error) {
    const taken = error instanceof StorageError && error.body.code === "ResourceAlreadyExists";
    throw taken ? refusal.keyAlreadyExists() : error;
  }
}

/** Updates or inserts the row of that name. Id, created_at and an absent owner stay. */
export async function upsertObject(sql: Sql, values: ObjectValues): Promise<ObjectRow> {
  const { bucket_id: _bucket, name: _name, ...changes } = columns(sql, values);
  const [row] = await sql<ObjectRow[]>`
    insert into storage.objects ${sql(columns(sql, values))}
    on conflict (name, bucket_id) do update set ${sql(changes)}
    returning *`;
  return row;
}

/** @throws StorageError NoSuchKey, ResourceAlreadyExists if the new name exists. */
export async function updateObject(
  sql: Sql,
  bucket: string,
  name: string,
  values: ObjectValues,
): Promise<ObjectRow> {
  const [row] = await refusing(
    sql<ObjectRow[]>`
      update storage.objects set ${sql(columns(sql, values))}
      where bucket_id = ${bucket} and name = ${name}
      returning *`,
  );
  if (!row) throw refusal.noSuchKey();
  return row;
}

/** @throws StorageError NoSuchKey. */
export async function findObject(sql: Sql, bucket: string, name: string): Promise<ObjectRow> {
  const row = await lockObject(sql, bucket, name, { forUpdate: false });
  if (!row) throw refusal.noSuchKey();
  return row;
}

/** Reads and locks the row until the transaction ends; `undefined` if it does not exist. */
export async function lockObject(
  sql: Sql,
  bucket: string,
  name: string,
  options: { forUpdate: boolean } = { forUpdate: true },
): Promise<ObjectRow | undefined> {
  const [row] = await sql<ObjectRow[]>`
    select * from storage.objects
    where bucket_id = ${bucket} and name = ${name}
    limit 1 ${options.forUpdate ? sql`for update` : sql``}`;
  return row;
}

/** The subset of the names that exist. */
export async function findNames(sql: Sql, bucket: string, names: string[]): Promise<Set<string>> {
  const rows = await sql<{ name: string }[]>`
    select name from storage.objects where bucket_id = ${bucket} and name = any(${names})`;
  return new Set(rows.map((row) => row.name));
}

/** Deletes the rows of these names, and returns the deleted ones. */
export async function deleteObjects(
  sql: Sql,
  bucket: string,
  names: string[],
): Promise<ObjectRow[]> {
  return await sql<ObjectRow[]>`
    delete from storage.objects where bucket_id = ${bucket} and name = any(${names})
    returning *`;
}

/** The key of an object's advisory lock, as a single bigint. */
export function lockKey(bucket: string, name: string): number {
  let key = 5381;
  for (const char of `${bucket}/${name}`) key = (key * 33) ^ char.charCodeAt(0);
  return key >>> 0;
}

/**
 * Waits for other writers of one name, by the advisory lock that Storage takes.
 *
 * @throws StorageError LockTimeout after five seconds.
 */
export async function waitForObject(sql: Sql, bucket: string, name: string): Promise<void> {
  await sql`select set_config('lock_timeout', '5s', true)`;
  try {
    await sql`select pg_advisory_xact_lock(${lockKey(bucket, name)}::bigint)`;
  } catch (error) {
    const timedOut = error instanceof postgres.PostgresError && error.code === "55P03";
    throw timedOut ? refusal.lockTimeout() : error;
  }
  await sql`select set_config('lock_timeout', '0', true)`;
}

/** A row as answers contain it: the columns of Storage's answers, with owner never null. */
export function shownObject(row: ObjectRow): Record<string, unknown> {
  return {
    name: row.name,
    bucket_id: row.bucket_id,
    owner: row.owner ?? "",
    owner_id: row.owner_id ?? "",
    version: row.version ?? "",
    id: row.id,
    updated_at: row.updated_at,
    created_at: row.created_at,
    last_accessed_at: row.last_accessed_at,
    metadata: row.metadata,
    user_metadata: row.user_metadata,
  };
}
