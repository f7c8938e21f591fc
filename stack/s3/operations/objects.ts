import { CHECKSUM_HEADER } from "../body/checksums.ts";
import { receiveBody, receiveDocument } from "../body/receive.ts";
import { checkReadConditions, writePrecondition } from "../conditions.ts";
import { S3Error } from "../errors.ts";
import { type ByteRange, parseRange } from "../ranges.ts";
import type { BucketHandler, Reply, ReplyBytes, S3Request } from "../request.ts";
import type { Bucket } from "../store/bucket.ts";
import { nowInSeconds, type StoredObject } from "../store/types.ts";
import { parseXml, xmlChildren, xmlChildText, xmlDocument, xmlElement, xmlText } from "../xml.ts";
import { descriptionHeaders, KEPT_HEADERS, readDescription } from "./description.ts";

/** Maximum number of keys in one DeleteObjects. */
const DELETED_KEYS = 1000;

export const putObject: BucketHandler = async (request, bucket) => {
  const precondition = writePrecondition(request.headers);
  // The precondition is checked again on publication. This check avoids reading the body.
  precondition(bucket.state.objects.get(request.key));
  const description = readDescription(request.headers);
  let headers: Record<string, string> = {};
  await bucket.receive(
    (writer) => receiveBody(request, writer),
    (segment, { bytes, md5, checksum }) => {
      const etag = md5.toHex();
      bucket.put({
        key: request.key,
        ...description,
        bytes,
        etag,
        modified: nowInSeconds(),
        segments: [segment],
        checksum,
      }, precondition);
      headers = { etag: `"${etag}"`, ...checksumHeaders(checksum) };
    },
  );
  return { headers };
};

export const getObject: BucketHandler = (request, bucket) => {
  const object = bucket.object(request.key);
  checkReadConditions(request.headers, object);
  const range = parseRange(request.headers.get("range"), object.bytes);
  const { start, end } = range ?? { start: 0, end: object.bytes };
  return {
    ...objectReply(request, object, range),
    body: readSegments(bucket, object, start, end),
  };
};

export const headObject: BucketHandler = (request, bucket) => {
  const object = bucket.object(request.key);
  checkReadConditions(request.headers, object);
  return objectReply(request, object, parseRange(request.headers.get("range"), object.bytes));
};

function objectReply(request: S3Request, object: StoredObject, range?: ByteRange): Reply {
  const headers: Record<string, string> = {
    ...descriptionHeaders(object),
    "accept-ranges": "bytes",
    "content-length": String(range === undefined ? object.bytes : range.end - range.start),
    etag: `"${object.etag}"`,
    "last-modified": new Date(object.modified).toUTCString(),
  };
  for (const name of KEPT_HEADERS) {
    const value = request.query.get(`response-${name}`);
    if (value !== undefined) headers[name] = value;
  }
  const wantsChecksum = request.headers.get("x-amz-checksum-mode")?.toUpperCase() === "ENABLED";
  if (range === undefined) {
    return { headers: { ...headers, ...(wantsChecksum ? checksumHeaders(object.checksum) : {}) } };
  }
  headers["content-range"] = `bytes ${range.start}-${range.end - 1}/${object.bytes}`;
  return { status: 206, headers };
}

function checksumHeaders(checksum: string | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [CHECKSUM_HEADER]: checksum, "x-amz-checksum-type": checksumType(checksum) };
}

/** S3's name of the type of an object's checksum. */
export function checksumType(checksum: string): "COMPOSITE" | "FULL_OBJECT" {
  return checksum.includes("-") ? "COMPOSITE" : "FULL_OBJECT";
}

/** Retains the bytes until they are sent, even if the object is replaced meanwhile. */
function readSegments(
  bucket: Bucket,
  object: StoredObject,
  start: number,
  end: number,
): ReplyBytes {
  for (const segment of object.segments) bucket.bodies.retain(segment);
  return {
    bytes: end - start,
    chunks: bucket.bodies.read(object.segments, start, end),
    release: () => object.segments.forEach((segment) => bucket.bodies.release(segment)),
  };
}

export const deleteObject: BucketHandler = (request, bucket) => {
  if (request.headers.has("if-match")) throw new S3Error("NotImplemented");
  bucket.delete(request.key);
  return { status: 204 };
};

export const deleteObjects: BucketHandler = async (request, bucket) => {
  if (![CHECKSUM_HEADER, "content-md5"].some((name) => request.headers.has(name))) {
    throw new S3Error("InvalidRequest", "Missing required header for this request: Content-MD5");
  }
  const document = parseXml(await receiveDocument(request), "Delete");
  const keys = xmlChildren(document, "Object").map((entry) => xmlChildText(entry, "Key"));
  if (keys.length === 0 || keys.length > DELETED_KEYS || keys.includes(undefined)) {
    throw new S3Error("MalformedXML");
  }
  for (const key of keys) bucket.delete(key ?? "");
  const quiet = xmlChildText(document, "Quiet") === "true";
  const deleted = quiet ? [] : keys.map((key) => xmlElement("Deleted", xmlText("Key", key)));
  return { body: xmlDocument("DeleteResult", ...deleted) };
};
