import { refusal } from "../errors.ts";
import { answerJson, type Exchange, type Handler, type Services } from "../exchange.ts";
import { Fields } from "../fields.ts";
import { checkBucketName, checkObjectName } from "../names.ts";
import {
  findObject,
  lockObject,
  type ObjectRow,
  shownObject,
  updateObject,
  waitForObject,
} from "../objects.ts";
import { parseUserMetadata } from "../upload.ts";
import { checkWrite, commitWrite, metadataOf } from "./write.ts";
import type { Location } from "../byte_store.ts";

interface Transfer {
  readonly fields: Fields;
  readonly from: { bucket: string; name: string };
  /** The target with its new version. */
  readonly to: Location & { version: string };
}

async function readTransfer({ body, headers }: Exchange): Promise<Transfer> {
  const fields = new Fields(await body.json(headers.get("content-type")));
  const bucket = fields.required("bucketId", fields.string("bucketId"));
  const name = fields.required("sourceKey", fields.string("sourceKey"));
  const newName = fields.required("destinationKey", fields.string("destinationKey"));
  const newBucket = fields.string("destinationBucket") || bucket;
  checkBucketName(bucket);
  checkObjectName(newName);
  const version = crypto.randomUUID();
  return { fields, from: { bucket, name }, to: { bucket: newBucket, name: newName, version } };
}

/** The backend's error if the source's bytes are missing. */
function missingSource(services: Services): Error {
  return services.backend === "file"
    ? refusal.internal()
    : refusal.backend(404, "NoSuchKey", "The specified key does not exist.");
}

/** The metadata of a copy: the source's, or with replaced fields. */
function copiedMetadata(source: ObjectRow, fields: Fields, copyMetadata: boolean) {
  const metadata: Record<string, unknown> = { ...source.metadata };
  const wanted = copyMetadata ? undefined : fields.object("metadata");
  for (const name of ["cacheControl", "mimetype"]) {
    const value = wanted?.string(name);
    if (value !== undefined) metadata[name] = value;
  }
  return metadata;
}

/** Copies an object. The copy has a new id and version, and the token's owner, if any. */
export const copy: Handler = async (services, exchange) => {
  const { fields, from, to } = await readTransfer(exchange);
  const { caller, headers } = exchange;
  const source = await services.database.read(
    caller,
    (sql) => findObject(sql, from.bucket, from.name),
  );
  const copyMetadata = fields.boolean("copyMetadata") ?? true;
  const metadata = copiedMetadata(source, fields, copyMetadata);
  const given = headers.get("x-metadata");
  const userMetadata = copyMetadata
    ? source.user_metadata
    : given === null
    ? undefined
    : parseUserMetadata(given);
  await checkWrite(services, caller, headers.get("x-upsert") === "true", {
    bucket_id: to.bucket,
    name: to.name,
    metadata,
    user_metadata: userMetadata ?? undefined,
  });
  const facts = await services.bytes.copy(
    { ...from, version: source.version },
    to,
    copyMetadata ? {} : metadata,
  );
  if (!facts) throw missingSource(services);
  const row = await commitWrite(services, {
    bucket_id: to.bucket,
    name: to.name,
    version: to.version,
    owner: caller.owner,
    metadata: { ...metadata, lastModified: facts.lastModified, eTag: facts.eTag },
    user_metadata: userMetadata,
  });
  return answerJson({ ...shownObject(row), Id: row.id, Key: `${to.bucket}/${to.name}` });
};

/**
 * Moves an object. It keeps the id and created_at, and ignores the bucket's limits. The row's
 * metadata is rewritten from the backend's metadata.
 */
export const move: Handler = async (services, exchange) => {
  const { from, to } = await readTransfer(exchange);
  const { database, bytes } = services;
  const { caller } = exchange;
  const place = { bucket_id: to.bucket, name: to.name, version: to.version, owner: caller.owner };
  await database.attempt(caller, async (sql) => {
    await findObject(sql, from.bucket, from.name);
    await updateObject(sql, from.bucket, from.name, place);
  });
  const source = await findObject(database.service, from.bucket, from.name);
  if (from.bucket === to.bucket && from.name === to.name) {
    return answerJson({ message: "Successfully moved", Id: source.id });
  }
  try {
    const facts = await bytes.copy({ ...from, version: source.version }, to);
    if (!facts) throw missingSource(services);
    await database.transaction(async (sql) => {
      await waitForObject(sql, from.bucket, to.name);
      if (!await lockObject(sql, from.bucket, from.name)) throw refusal.noSuchKey();
      const { user_metadata } = source;
      const values = { ...place, metadata: metadataOf(facts), user_metadata };
      await updateObject(sql, from.bucket, from.name, values);
    });
  } catch (error) {
    await bytes.remove(to);
    throw error;
  }
  await bytes.remove({ ...from, version: source.version });
  return answerJson({ message: "Successfully moved", Id: source.id, Key: to.name });
};
