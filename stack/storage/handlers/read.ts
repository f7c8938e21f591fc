import { findBucket, requireBucket } from "../buckets.ts";
import { refusal } from "../errors.ts";
import { type Exchange, type Handler, type Services } from "../exchange.ts";
import { checkObjectName } from "../names.ts";
import { findObject, type ObjectRow } from "../objects.ts";
import { renderBytes, renderHead, renderInfo } from "../render.ts";

/** The row of an object if the caller may read it: in a public bucket always, else by policy. */
async function readable(services: Services, exchange: Exchange): Promise<ObjectRow> {
  const { database } = services;
  const { caller, bucket: bucketId, name } = exchange;
  const bucket = await findBucket(database.service, bucketId);
  if (!bucket || (!caller.authenticated && !bucket.public)) throw refusal.noSuchBucket();
  checkObjectName(name);
  if (bucket.public) return await findObject(database.service, bucketId, name);
  return await database.read(caller, (sql) => findObject(sql, bucketId, name));
}

/** The row of an object of a public bucket. */
async function publicRow({ database }: Services, exchange: Exchange): Promise<ObjectRow> {
  const bucket = await requireBucket(database.service, exchange.bucket);
  if (!bucket.public) throw refusal.noSuchBucket();
  checkObjectName(exchange.name);
  return await findObject(database.service, bucket.id, exchange.name);
}

export const get: Handler = async (services, exchange) =>
  await renderBytes(services, exchange, await readable(services, exchange));

export const getPublic: Handler = async (services, exchange) =>
  await renderBytes(services, exchange, await publicRow(services, exchange));

export const head: Handler = async (services, exchange) =>
  renderHead(await readable(services, exchange));

export const headPublic: Handler = async (services, exchange) =>
  renderHead(await publicRow(services, exchange));

export const info: Handler = async (services, exchange) =>
  renderInfo(await readable(services, exchange));

export const infoPublic: Handler = async (services, exchange) =>
  renderInfo(await publicRow(services, exchange));
