import { refusal } from "../errors.ts";
import { answerJson, type Exchange, type Handler, type Services } from "../exchange.ts";
import { Fields } from "../fields.ts";
import { checkBucketName, checkObjectName } from "../names.ts";
import { findNames, findObject } from "../objects.ts";
import { renderBytes } from "../render.ts";
import { type Claims, signToken, verifyToken } from "../token.ts";
import { parseUserMetadata } from "../upload.ts";
import { checkWrite, takeUpload } from "./write.ts";

/** Validity of a signed upload URL in hosted projects. */
const UPLOAD_URL_SECONDS = 2 * 60 * 60;
const MOST_PATHS = 1000;

/** The `expiresIn` of a body, seconds. */
function lifetimeOf(fields: Fields): number {
  return fields.required("expiresIn", fields.integer("expiresIn", 1));
}

export const one: Handler = async ({ database, jwtSecret, now }, exchange) => {
  const { bucket, name, caller, path, body, headers } = exchange;
  const lifetime = lifetimeOf(new Fields(await body.json(headers.get("content-type"))));
  checkBucketName(bucket);
  checkObjectName(name);
  await database.read(caller, (sql) => findObject(sql, bucket, name));
  // Storage has the same fault: decodeURI keeps some characters encoded (? + & : …), so the signed
  // URL of such a name matches no request.
  const url = decodeURI(path.split("/").slice(3).join("/"));
  const token = signToken({ url, scope: "download" }, jwtSecret, lifetime, now());
  return answerJson({ signedURL: `/object/sign/${url}?token=${token}` });
};

export const many: Handler = async ({ database, jwtSecret, now }, exchange) => {
  const { bucket, caller, body, headers } = exchange;
  const fields = new Fields(await body.json(headers.get("content-type")));
  const lifetime = lifetimeOf(fields);
  const paths = fields.required("paths", fields.strings("paths"));
  if (paths.length < 1 || paths.length > MOST_PATHS) {
    throw refusal.invalidRequest(`body/paths must have 1 to ${MOST_PATHS} items`);
  }
  checkBucketName(bucket);
  const names = await database.read(caller, (sql) => findNames(sql, bucket, paths));
  return answerJson(paths.map((path) => {
    if (!names.has(path)) {
      const error = "Either the object does not exist or you do not have access to it";
      return { error, path, signedURL: null };
    }
    const url = `${bucket}/${path}`;
    const token = signToken({ url, scope: "download" }, jwtSecret, lifetime, now());
    return { error: null, path, signedURL: `/object/sign/${url}?token=${token}` };
  }));
};

/**
 * The claims of the token in a signed URL.
 *
 * @throws StorageError InvalidJWT, InvalidSignature for a token with a different scope or URL.
 */
function signedClaims({ jwtSecret, now }: Services, exchange: Exchange, scope: string): Claims {
  const token = exchange.query.get("token");
  if (token === null) {
    throw refusal.invalidRequest("querystring must have required property 'token'");
  }
  let claims: Claims;
  try {
    claims = verifyToken(token, jwtSecret, now());
  } catch (error) {
    throw refusal.invalidToken(error instanceof Error ? error.message : String(error));
  }
  if (claims.scope !== scope) throw refusal.invalidSignature(`Token is not scoped for ${scope}`);
  if (claims.url !== `${exchange.bucket}/${exchange.name}`) throw refusal.invalidSignature();
  return claims;
}

export const get: Handler = async (services, exchange) => {
  const { exp } = signedClaims(services, exchange, "download");
  checkObjectName(exchange.name);
  const row = await findObject(services.database.service, exchange.bucket, exchange.name);
  return await renderBytes(services, exchange, row, { expires: exp });
};

export const upload: Handler = async (services, exchange) => {
  const { bucket, name, caller, headers } = exchange;
  checkBucketName(bucket);
  const upsert = headers.get("x-upsert") === "true";
  const metadata = headers.get("x-metadata");
  await checkWrite(services, caller, upsert, {
    bucket_id: bucket,
    name,
    user_metadata: metadata === null ? undefined : parseUserMetadata(metadata),
  });
  const url = `${bucket}/${name}`;
  const claims = { owner: caller.owner, url, upsert, scope: "upload" };
  const token = signToken(claims, services.jwtSecret, UPLOAD_URL_SECONDS, services.now());
  return answerJson({ url: `/object/upload/sign/${url}?token=${token}`, token });
};

/**
 * Accepts an upload by a signed URL. It runs as `service_role`, for the owner who signed the URL.
 */
export const put: Handler = async (services, exchange) => {
  const { owner, upsert } = signedClaims(services, exchange, "upload");
  const caller = { ...exchange.caller, owner: typeof owner === "string" ? owner : undefined };
  const row = await takeUpload(services, exchange, caller, upsert === true);
  return answerJson({ Key: `${row.bucket_id}/${row.name}` });
};
