import { createHash } from "node:crypto";
import { Crc32 } from "../body/checksums.ts";
import { PUT_BYTES } from "../body/receive.ts";
import { checkCopyConditions, writePrecondition } from "../conditions.ts";
import { S3Error } from "../errors.ts";
import { parseCopyRange } from "../ranges.ts";
import type { Reply, S3Request, ServiceHandler } from "../request.ts";
import type { Bucket } from "../store/bucket.ts";
import type { Store } from "../store/store.ts";
import { nowInSeconds, type StoredObject } from "../store/types.ts";
import { decodeUri } from "../uri.ts";
import { xmlDocument, xmlText } from "../xml.ts";
import { readDescription } from "./description.ts";
import { checksumType } from "./objects.ts";
import { checkPart, partNumber } from "./parts.ts";

interface Source {
  readonly bucket: Bucket;
  readonly object: StoredObject;
}

/** @throws {S3Error} InvalidArgument, NoSuchBucket, NoSuchKey, PreconditionFailed */
function copySource(request: S3Request, store: Store): Source {
  const header = decodeUri(request.headers.get("x-amz-copy-source") ?? "").replace(/^\//, "");
  const [bucketName, ...key] = header.split("/");
  if (bucketName === "" || key.length === 0 || header.includes("?versionId=")) {
    throw new S3Error("InvalidArgument", "Copy Source must mention the source bucket and key");
  }
  const bucket = store.bucket(bucketName);
  const object = bucket.object(key.join("/"));
  checkCopyConditions(request.headers, object);
  return { bucket, object };
}

/**
 * Copies an object. Within a bucket the copy shares the bytes; into another bucket it copies them.
 */
export const copyObject: ServiceHandler = async (request, store) => {
  const target = store.bucket(request.bucket);
  const source = copySource(request, store);
  const replaces = request.headers.get("x-amz-metadata-directive")?.toUpperCase() === "REPLACE";
  if (source.bucket === target && source.object.key === request.key && !replaces) {
    throw new S3Error(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself without " +
        "changing the object's metadata, storage class, website redirect location or encryption " +
        "attributes.",
    );
  }
  if (source.object.bytes > PUT_BYTES) {
    throw new S3Error("InvalidRequest", "The specified copy source is larger than the maximum");
  }
  const precondition = writePrecondition(request.headers);
  const { headers, metadata } = replaces ? readDescription(request.headers) : source.object;
  let etag = source.object.etag;
  const modified = nowInSeconds();
  const publish = (segments: StoredObject["segments"]) => {
    const { bytes } = source.object;
    const { checksum } = source.object;
    const kept = checksum && checksumType(checksum) === "FULL_OBJECT" ? checksum : undefined;
    target.put(
      { key: request.key, headers, metadata, bytes, etag, modified, segments, checksum: kept },
      precondition,
    );
  };
  if (source.bucket === target && !etag.includes("-")) {
    publish(source.object.segments);
  } else {
    await copyBytes(source, target, 0, source.object.bytes, (segment, md5) => {
      etag = md5;
      publish([segment]);
    });
  }
  return copyReply("CopyObjectResult", etag, modified);
};

export const uploadPartCopy: ServiceHandler = async (request, store) => {
  const target = store.bucket(request.bucket);
  const number = partNumber(request.query);
  const uploadId = request.query.get("uploadId") ?? "";
  const { upload } = target.upload(uploadId, request.key);
  const source = copySource(request, store);
  const range = request.headers.get("x-amz-copy-source-range");
  const { start, end } = parseCopyRange(range, source.object.bytes);
  if (end - start > PUT_BYTES) throw new S3Error("InvalidRequest");
  const modified = nowInSeconds();
  let etag = "";
  await copyBytes(source, target, start, end, (segment, md5, checksum) => {
    etag = md5;
    checkPart(upload, checksum);
    const part = { number, bytes: end - start, etag, modified, segment, checksum };
    target.putPart(uploadId, request.key, part);
  }, upload.withChecksums);
  return copyReply("CopyPartResult", etag, modified);
};

/** Copies `[start, end)` of the source. Returns its MD5, and a checksum if one is required. */
async function copyBytes(
  { bucket, object }: Source,
  target: Bucket,
  start: number,
  end: number,
  publish: (
    segment: StoredObject["segments"][number],
    md5: string,
    checksum: string | undefined,
  ) => void,
  withChecksum = false,
): Promise<void> {
  const md5 = createHash("md5");
  const crc32 = withChecksum ? new Crc32() : undefined;
  for (const segment of object.segments) bucket.bodies.retain(segment);
  try {
    await target.receive(async (writer) => {
      for await (const chunk of bucket.bodies.read(object.segments, start, end)) {
        md5.update(chunk);
        crc32?.update(chunk);
        await writer.write(chunk);
      }
    }, (segment) => publish(segment, md5.digest("hex"), crc32?.digest()));
  } finally {
    for (const segment of object.segments) bucket.bodies.release(segment);
  }
}

function copyReply(root: string, etag: string, modified: number): Reply {
  return {
    body: xmlDocument(
      root,
      xmlText("LastModified", new Date(modified).toISOString()),
      xmlText("ETag", `"${etag}"`),
    ),
  };
}
