import { createHash } from "node:crypto";
import {
  checkAlgorithm,
  CHECKSUM_ALGORITHM,
  CHECKSUM_ELEMENT,
  CHECKSUM_HEADER,
  Crc32,
} from "../body/checksums.ts";
import { receiveBody, receiveDocument } from "../body/receive.ts";
import { writePrecondition } from "../conditions.ts";
import { S3Error } from "../errors.ts";
import type { BucketHandler } from "../request.ts";
import type { UploadState } from "../store/state.ts";
import { nowInSeconds, type StoredPart } from "../store/types.ts";
import { encodePath } from "../uri.ts";
import { parseXml, xmlChildren, xmlChildText, xmlDocument, type XmlNode, xmlText } from "../xml.ts";
import { readDescription } from "./description.ts";
import { checksumType } from "./objects.ts";
import { checkPart, LAST_PART, partNumber, SMALLEST_PART_BYTES } from "./parts.ts";

export const createMultipartUpload: BucketHandler = (request, bucket) => {
  const description = readDescription(request.headers);
  const algorithm = request.headers.get("x-amz-checksum-algorithm");
  if (algorithm !== undefined) checkAlgorithm(algorithm);
  const type = request.headers.get("x-amz-checksum-type") ?? "COMPOSITE";
  if (type !== "COMPOSITE") throw new S3Error("NotImplemented");
  const upload = {
    id: crypto.randomUUID().replaceAll("-", ""),
    key: request.key,
    initiated: nowInSeconds(),
    withChecksums: algorithm !== undefined,
    ...description,
  };
  bucket.beginUpload(upload);
  const headers: Record<string, string> = {};
  if (upload.withChecksums) {
    headers["x-amz-checksum-algorithm"] = CHECKSUM_ALGORITHM;
    headers["x-amz-checksum-type"] = type;
  }
  return {
    headers,
    body: xmlDocument(
      "InitiateMultipartUploadResult",
      xmlText("Bucket", bucket.name),
      xmlText("Key", upload.key),
      xmlText("UploadId", upload.id),
    ),
  };
};

export const uploadPart: BucketHandler = async (request, bucket) => {
  const number = partNumber(request.query);
  const uploadId = request.query.get("uploadId") ?? "";
  const { upload } = bucket.upload(uploadId, request.key);
  let headers: Record<string, string> = {};
  await bucket.receive(
    (writer) => receiveBody(request, writer),
    (segment, { bytes, md5, checksum }) => {
      checkPart(upload, checksum);
      const etag = md5.toHex();
      const modified = nowInSeconds();
      bucket.putPart(uploadId, request.key, { number, bytes, etag, modified, segment, checksum });
      headers = { etag: `"${etag}"` };
      if (checksum !== undefined) headers[CHECKSUM_HEADER] = checksum;
    },
  );
  return { headers };
};

export const abortMultipartUpload: BucketHandler = (request, bucket) => {
  bucket.abortUpload(request.query.get("uploadId") ?? "", request.key);
  return { status: 204 };
};

export const completeMultipartUpload: BucketHandler = async (request, bucket) => {
  const uploadId = request.query.get("uploadId") ?? "";
  const precondition = writePrecondition(request.headers);
  const document = parseXml(await receiveDocument(request), "CompleteMultipartUpload");
  const state = bucket.upload(uploadId, request.key);
  const parts = listedParts(document, state);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const declaredSize = request.headers.get("x-amz-mp-object-size");
  if (declaredSize !== undefined && Number(declaredSize) !== bytes) {
    throw new S3Error("InvalidRequest", "The provided object size does not match the parts' sizes");
  }
  const etag = compositeEtag(parts);
  const checksum = compositeChecksum(state, parts);
  bucket.put(
    {
      key: request.key,
      headers: state.upload.headers,
      metadata: state.upload.metadata,
      bytes,
      etag,
      modified: nowInSeconds(),
      segments: parts.map((part) => part.segment),
      checksum,
    },
    precondition,
    uploadId,
  );
  return {
    body: xmlDocument(
      "CompleteMultipartUploadResult",
      xmlText("Location", `${request.endpoint}/${bucket.name}/${encodePath(request.key)}`),
      xmlText("Bucket", bucket.name),
      xmlText("Key", request.key),
      xmlText("ETag", `"${etag}"`),
      xmlText(CHECKSUM_ELEMENT, checksum),
      xmlText("ChecksumType", checksum && checksumType(checksum)),
    ),
  };
};

/**
 * The uploaded parts that a client lists.
 *
 * @throws {S3Error} MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall
 */
function listedParts(document: XmlNode, state: UploadState): StoredPart[] {
  const listed = xmlChildren(document, "Part");
  if (listed.length === 0 || listed.length > LAST_PART) throw new S3Error("MalformedXML");
  let previous = 0;
  const parts = listed.map((entry) => {
    const number = Number(xmlChildText(entry, "PartNumber")?.trim());
    if (!Number.isInteger(number)) throw new S3Error("MalformedXML");
    if (number <= previous) throw new S3Error("InvalidPartOrder");
    previous = number;
    return checkListed(entry, number, state);
  });
  parts.slice(0, -1).forEach((part) => {
    if (part.bytes >= SMALLEST_PART_BYTES) return;
    throw new S3Error("EntityTooSmall", undefined, {
      ProposedSize: part.bytes,
      MinSizeAllowed: SMALLEST_PART_BYTES,
      PartNumber: part.number,
      ETag: part.etag,
    });
  });
  return parts;
}

function checkListed(entry: XmlNode, number: number, { upload, parts }: UploadState): StoredPart {
  const part = parts.get(number);
  const etag = xmlChildText(entry, "ETag")?.trim().replace(/^"(.*)"$/, "$1");
  if (part === undefined || part.etag !== etag) {
    throw new S3Error("InvalidPart", undefined, { PartNumber: number, ETag: etag ?? "" });
  }
  if (!upload.withChecksums) return part;
  const checksum = xmlChildText(entry, CHECKSUM_ELEMENT)?.trim();
  if (checksum === undefined) {
    const name = CHECKSUM_ALGORITHM.toLowerCase();
    throw new S3Error(
      "InvalidRequest",
      `The upload was created using a ${name} checksum. The complete request must include the ` +
        `checksum for each part. It was missing for part ${number} in the request.`,
    );
  }
  if (checksum !== part.checksum) {
    throw new S3Error("InvalidPart", undefined, { PartNumber: number });
  }
  return part;
}

/** MD5 of the parts' MD5s, followed by the number of parts. */
function compositeEtag(parts: readonly StoredPart[]): string {
  const md5 = createHash("md5");
  for (const part of parts) md5.update(part.etag, "hex");
  return `${md5.digest("hex")}-${parts.length}`;
}

/** The checksum of the parts' checksums. */
function compositeChecksum(
  { upload }: UploadState,
  parts: readonly StoredPart[],
): string | undefined {
  if (!upload.withChecksums) return undefined;
  const crc32 = new Crc32();
  for (const part of parts) crc32.update(Uint8Array.fromBase64(part.checksum ?? ""));
  return `${crc32.digest()}-${parts.length}`;
}
