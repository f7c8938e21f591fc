import { createHash } from "node:crypto";
import { checksumElement, createHasher, parseAlgorithm } from "../body/checksums.ts";
import { receiveBody, receiveDocument } from "../body/receive.ts";
import { writePrecondition } from "../conditions.ts";
import { S3Error } from "../errors.ts";
import type { BucketHandler, S3Request } from "../request.ts";
import type { UploadState } from "../store/state.ts";
import { nowInSeconds, type StoredChecksum, type StoredPart } from "../store/types.ts";
import { encodePath } from "../uri.ts";
import { parseXml, xmlChildren, xmlChildText, xmlDocument, type XmlNode, xmlText } from "../xml.ts";
import { readDescription } from "./description.ts";
import { checksumHeaders } from "./objects.ts";
import { checkPart, LAST_PART, partNumber, SMALLEST_PART_BYTES } from "./parts.ts";

export const createMultipartUpload: BucketHandler = (request, bucket) => {
  const description = readDescription(request.headers);
  const algorithm = request.headers.get("x-amz-checksum-algorithm");
  const type = request.headers.get("x-amz-checksum-type") ?? "COMPOSITE";
  if (type !== "COMPOSITE") throw new S3Error("NotImplemented");
  const upload = {
    id: crypto.randomUUID().replaceAll("-", ""),
    key: request.key,
    initiated: nowInSeconds(),
    checksumAlgorithm: algorithm === undefined ? undefined : parseAlgorithm(algorithm),
    ...description,
  };
  bucket.beginUpload(upload);
  const headers: Record<string, string> = {};
  if (upload.checksumAlgorithm !== undefined) {
    headers["x-amz-checksum-algorithm"] = upload.checksumAlgorithm;
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
    (segment, { bytes, md5, checksum: announced }) => {
      checkPart(upload, announced);
      const checksum = announced && { ...announced, type: "FULL_OBJECT" as const };
      const etag = md5.toHex();
      const modified = nowInSeconds();
      bucket.putPart(uploadId, request.key, { number, bytes, etag, modified, segment, checksum });
      headers = { etag: `"${etag}"`, ...checksumHeaders(checksum) };
      delete headers["x-amz-checksum-type"];
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
  const announced = request.headers.get("x-amz-mp-object-size");
  if (announced !== undefined && Number(announced) !== bytes) {
    throw new S3Error("InvalidRequest", "The provided object size does not match the parts' sizes");
  }
  const etag = compositeEtag(parts);
  const checksum = compositeChecksum(request, state, parts);
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
      checksum === undefined ? "" : xmlText(checksumElement(checksum.algorithm), checksum.value) +
        xmlText("ChecksumType", checksum.type),
    ),
  };
};

/**
 * The parts that a client lists, as they were uploaded.
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
  if (upload.checksumAlgorithm === undefined) return part;
  const checksum = xmlChildText(entry, checksumElement(upload.checksumAlgorithm))?.trim();
  if (checksum === undefined) {
    const name = upload.checksumAlgorithm.toLowerCase();
    throw new S3Error(
      "InvalidRequest",
      `The upload was created using a ${name} checksum. The complete request must include the ` +
        `checksum for each part. It was missing for part ${number} in the request.`,
    );
  }
  if (checksum !== part.checksum?.value) {
    throw new S3Error("InvalidPart", undefined, { PartNumber: number });
  }
  return part;
}

/** MD5 of the parts' MD5s, and how many they are. */
function compositeEtag(parts: readonly StoredPart[]): string {
  const md5 = createHash("md5");
  for (const part of parts) md5.update(part.etag, "hex");
  return `${md5.digest("hex")}-${parts.length}`;
}

/** The checksum of the parts' checksums; checked where the client sends it. */
function compositeChecksum(
  request: S3Request,
  { upload }: UploadState,
  parts: readonly StoredPart[],
): StoredChecksum | undefined {
  const algorithm = upload.checksumAlgorithm;
  if (algorithm === undefined) return undefined;
  const hasher = createHasher(algorithm);
  for (const part of parts) hasher.update(Uint8Array.fromBase64(part.checksum?.value ?? ""));
  const value = `${hasher.digest().toBase64()}-${parts.length}`;
  const announced = request.headers.get(`x-amz-checksum-${algorithm.toLowerCase()}`);
  if (announced !== undefined && announced !== value && `${announced}-${parts.length}` !== value) {
    throw new S3Error(
      "BadDigest",
      `The ${algorithm} you specified did not match the calculated checksum.`,
    );
  }
  return { algorithm, value, type: "COMPOSITE" };
}
