import { requireBucket } from "../buckets.ts";
import type { Caller } from "../caller.ts";
import type { StoredFacts } from "../byte_store.ts";
import { answerJson, type Exchange, type Handler, type Services } from "../exchange.ts";
import { checkBucketName, checkObjectName } from "../names.ts";
import {
  insertObject,
  lockObject,
  type ObjectMetadata,
  type ObjectRow,
  type ObjectValues,
  upsertObject,
  waitForObject,
} from "../objects.ts";
import { readUpload } from "../upload.ts";

/** A row's metadata for newly stored bytes. */
export function metadataOf(facts: StoredFacts): ObjectMetadata {
  return { ...facts, contentLength: facts.size, httpStatusCode: 200 };
}

/**
 * Checks by an attempt whether the caller may write this row.
 *
 * @throws StorageError AccessDenied; KeyAlreadyExists if overwriting is not allowed.
 */
export async function checkWrite(
  { database }: Services,
  caller: Caller,
  upsert: boolean,
  values: ObjectValues,
): Promise<void> {
  const row = { ...values, version: "1", owner: caller.owner };
  await database.attempt(caller, (sql) => upsert ? upsertObject(sql, row) : insertObject(sql, row));
}

/**
 * Publishes stored bytes as the object's, and removes the replaced ones. If this fails, it removes
 * the new bytes. It overwrites an existing row without checking `upsert`. Storage checks that only
 * before the bytes arrive, so two concurrent creations both succeed.
 */
export async function commitWrite(
  { database, bytes }: Services,
  values: ObjectValues & { bucket_id: string; name: string; version: string },
): Promise<ObjectRow> {
  const { bucket_id: bucket, name, version } = values;
  const writing = database.transaction(async (sql) => {
    await waitForObject(sql, bucket, name);
    const previous = await lockObject(sql, bucket, name);
    return { row: await upsertObject(sql, values), previous };
  });
  const { row, previous } = await writing.catch(async (error) => {
    await bytes.remove({ bucket, name, version });
    throw error;
  });
  if (previous) await bytes.remove({ bucket, name, version: previous.version });
  return row;
}

/** Accepts an upload as the caller. If `upsert` is false, it refuses an existing name. */
export async function takeUpload(
  services: Services,
  exchange: Exchange,
  caller: Caller,
  upsert: boolean,
): Promise<ObjectRow> {
  const { bucket: bucketId, name } = exchange;
  checkBucketName(bucketId);
  const bucket = await requireBucket(services.database.service, bucketId);
  const upload = await readUpload(services, exchange, bucket);
  checkObjectName(name);
  await checkWrite(services, caller, upsert, {
    bucket_id: bucketId,
    name,
    metadata: { mimetype: upload.mimetype, contentLength: upload.declaredLength },
    user_metadata: upload.userMetadata,
  });
  const location = { bucket: bucketId, name, version: crypto.randomUUID() };
  const facts = await services.bytes.write(location, upload.chunks, upload);
  return await commitWrite(services, {
    bucket_id: bucketId,
    name,
    version: location.version,
    owner: caller.owner,
    metadata: metadataOf(facts),
    user_metadata: { ...upload.userMetadata as Record<string, unknown> | undefined },
  });
}

export const create: Handler = async (services, exchange) => {
  const upsert = exchange.headers.get("x-upsert") === "true";
  const row = await takeUpload(services, exchange, exchange.caller, upsert);
  return answerJson({ Id: row.id, Key: `${row.bucket_id}/${row.name}` });
};

export const replace: Handler = async (services, exchange) => {
  const row = await takeUpload(services, exchange, exchange.caller, true);
  return answerJson({ Id: row.id, Key: `${row.bucket_id}/${row.name}` });
};
