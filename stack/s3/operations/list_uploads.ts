import { CHECKSUM_ALGORITHM, CHECKSUM_ELEMENT } from "../body/checksums.ts";
import { S3Error } from "../errors.ts";
import type { BucketHandler } from "../request.ts";
import { compareUtf8 } from "../sorted_keys.ts";
import { xmlDocument, xmlElement, xmlText } from "../xml.ts";
import { nameEncoder, pageLimit } from "./list.ts";

export const listMultipartUploads: BucketHandler = (request, bucket) => {
  const { query } = request;
  // No client of the tests groups uploads by a delimiter.
  if (query.has("delimiter")) throw new S3Error("NotImplemented");
  const prefix = query.get("prefix") ?? "";
  const keyMarker = query.get("key-marker") ?? "";
  const idMarker = keyMarker === "" ? "" : query.get("upload-id-marker") ?? "";
  const limit = pageLimit(request, "max-uploads");
  const encode = nameEncoder(request);

  const matching = bucket.state.sortedUploads().filter((upload) => upload.key.startsWith(prefix));
  const marker = matching.findIndex((upload) => upload.key === keyMarker && upload.id === idMarker);
  const behind = marker >= 0
    ? matching.slice(marker + 1)
    : matching.filter((upload) => keyMarker === "" || compareUtf8(upload.key, keyMarker) > 0);
  const page = behind.slice(0, limit);
  const truncated = limit > 0 && behind.length > page.length;
  const last = truncated ? page[page.length - 1] : undefined;
  return {
    body: xmlDocument(
      "ListMultipartUploadsResult",
      xmlText("Bucket", bucket.name),
      xmlText("KeyMarker", encode(keyMarker)),
      xmlText("UploadIdMarker", idMarker),
      xmlText("NextKeyMarker", last && encode(last.key)),
      xmlText("NextUploadIdMarker", last?.id),
      xmlText("Prefix", encode(prefix)),
      xmlText("EncodingType", query.get("encoding-type")),
      xmlText("MaxUploads", limit),
      xmlText("IsTruncated", truncated),
      ...page.map((upload) =>
        xmlElement(
          "Upload",
          xmlText("Key", encode(upload.key)),
          xmlText("UploadId", upload.id),
          xmlText("StorageClass", "STANDARD"),
          xmlText("Initiated", new Date(upload.initiated).toISOString()),
          xmlText("ChecksumAlgorithm", upload.withChecksums ? CHECKSUM_ALGORITHM : undefined),
        )
      ),
    ),
  };
};

export const listParts: BucketHandler = (request, bucket) => {
  const { query } = request;
  const { upload, parts } = bucket.upload(query.get("uploadId") ?? "", request.key);
  const limit = pageLimit(request, "max-parts");
  const marker = Number(query.get("part-number-marker") ?? 0);
  if (!Number.isInteger(marker)) throw new S3Error("InvalidArgument");
  const encode = nameEncoder(request);

  const behind = [...parts.values()].filter((part) => part.number > marker)
    .sort((a, b) => a.number - b.number);
  const page = behind.slice(0, limit);
  const truncated = limit > 0 && behind.length > page.length;
  return {
    body: xmlDocument(
      "ListPartsResult",
      xmlText("Bucket", bucket.name),
      xmlText("Key", encode(request.key)),
      xmlText("UploadId", upload.id),
      xmlText("StorageClass", "STANDARD"),
      xmlText("PartNumberMarker", marker),
      xmlText("NextPartNumberMarker", page.at(-1)?.number ?? 0),
      xmlText("MaxParts", limit),
      xmlText("IsTruncated", truncated),
      ...page.map((part) =>
        xmlElement(
          "Part",
          xmlText("PartNumber", part.number),
          xmlText("LastModified", new Date(part.modified).toISOString()),
          xmlText("ETag", `"${part.etag}"`),
          xmlText("Size", part.bytes),
          xmlText(CHECKSUM_ELEMENT, part.checksum),
        )
      ),
    ),
  };
};
