import {
  findBucket,
  insertBucket,
  listBuckets,
  requireBucket,
  shownBucket,
  updateBucket,
} from "../buckets.ts";
import { type Sql } from "../database.ts";
import { refusal, StorageError } from "../errors.ts";
import { answerJson, type Handler, type Services } from "../exchange.ts";
import { Fields } from "../fields.ts";
import { checkAllowedMimeTypes, checkBucketName, parseSize } from "../names.ts";
import type { ObjectRow } from "../objects.ts";

const MOST_TO_EMPTY = 200_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const list: Handler = async ({ database }, { caller, query }) => {
  const fields = new Fields(Object.fromEntries(query), "querystring");
  const listing = {
    limit: fields.integer("limit", 1),
    offset: fields.integer("offset", 0),
    sortColumn: fields.oneOf("sortColumn", ["id", "name", "created_at", "updated_at"]),
    sortOrder: fields.oneOf("sortOrder", ["asc", "desc"]),
    search: fields.string("search"),
  };
  const rows = await database.read(caller, (sql) => listBuckets(sql, listing));
  return answerJson(rows.map(shownBucket));
};

export const get: Handler = async ({ database }, { caller, bucket }) =>
  answerJson(shownBucket(await database.read(caller, (sql) => requireBucket(sql, bucket))));

export const create: Handler = async (services, { caller, body, headers }) => {
  const fields = new Fields(await body.json(headers.get("content-type")));
  const name = fields.required("name", fields.string("name"));
  checkBucketName(name);
  if (name.trim() !== name) throw refusal.invalidBucketName();
  const type = fields.oneOf("type", ["STANDARD", "ANALYTICS"]) ?? "STANDARD";
  if (type !== "STANDARD") throw refusal.invalidRequest("body/type is not supported here");
  const values = {
    id: fields.string("id") || name,
    name,
    owner: UUID.test(caller.owner ?? "") ? caller.owner : undefined,
    owner_id: caller.owner,
    public: fields.boolean("public") ?? false,
    type,
    ...limitsOf(services, fields),
  };
  await services.database.as(caller, (sql) => insertBucket(sql, values));
  return answerJson({ name });
};

export const update: Handler = async (services, { caller, bucket, body, headers }) => {
  const fields = new Fields(await body.json(headers.get("content-type")));
  checkBucketName(bucket);
  const values = { public: fields.boolean("public"), ...limitsOf(services, fields) };
  if (Object.values(values).every((value) => value === undefined)) {
    throw refusal.invalidRequest("body must match a schema in anyOf");
  }
  const { wasPublic } = await services.database.as(
    caller,
    (sql) => updateBucket(sql, bucket, values),
  );
  if (wasPublic && values.public === false) services.cdn.purge(bucket);
  return answerJson({ message: "Successfully updated" });
};

/** The limits in a body. An absent limit stays, and null removes it. */
function limitsOf(services: Services, fields: Fields) {
  const types = fields.isNull("allowed_mime_types") ? null : fields.strings("allowed_mime_types");
  checkAllowedMimeTypes(types ?? []);
  return {
    file_size_limit: sizeLimitOf(services, fields),
    allowed_mime_types: types?.filter((type) => type !== "") ?? types,
  };
}

function sizeLimitOf(services: Services, fields: Fields): number | null | undefined {
  const name = "file_size_limit";
  if (!fields.has(name) || fields.isNull(name)) return fields.isNull(name) ? null : undefined;
  let bytes: number | undefined;
  try {
    bytes = fields.integer(name, 0);
  } catch {
    bytes = parseSize(fields.string(name) ?? "");
  }
  if (bytes! > services.largestObjectBytes) throw refusal.entityTooLarge();
  return bytes;
}

export const remove: Handler = async ({ database, cdn }, { caller, bucket }) => {
  const deletion = async (sql: Sql) => {
    const [found] = await sql`select from storage.buckets where id = ${bucket} for update`;
    if (!found) throw refusal.noSuchBucket();
    const [object] = await sql`select from storage.objects where bucket_id = ${bucket} limit 1`;
    if (object) throw refusal.bucketNotEmpty();
  };
  await database.transaction(deletion);
  await database.as(caller, async (sql) => {
    const { count } = await sql`delete from storage.buckets where id = ${bucket}`;
    if (count === 0) throw refusal.noSuchBucket();
  });
  cdn.purge(bucket);
  return answerJson({ message: "Successfully deleted" });
};

/**
 * Deletes the objects that exist when the request arrives. A hosted project queues this. The
 * stand-in does it before the answer, as a project without a queue does. The answer is the same.
 */
export const empty: Handler = async ({ database, bytes }, { caller, bucket }) => {
  const before = new Date();
  const found = await database.read(caller, (sql) => findBucket(sql, bucket));
  if (!found) throw refusal.noSuchBucket();
  const deleted = await database.transaction(async (sql) => {
    const [{ count }] = await sql<{ count: number }[]>`
      select count(*)::integer as count from storage.objects where bucket_id = ${bucket}`;
    if (count > MOST_TO_EMPTY) {
      throw new StorageError(
        "InvalidRequest",
        409,
        "Unable to empty the bucket because it contains too many objects",
      );
    }
    return await sql<Pick<ObjectRow, "name" | "version">[]>`
      delete from storage.objects where bucket_id = ${bucket} and created_at < ${before}
      returning name, version`;
  });
  for (const { name, version } of deleted) await bytes.remove({ bucket, name, version });
  return answerJson({
    message: "Empty bucket has been queued. Completion may take up to an hour.",
  });
};
