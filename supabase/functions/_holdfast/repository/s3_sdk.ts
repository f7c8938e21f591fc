/** What a slice asks of S3 rarely, through the SDK: loading it costs CPU, so it comes on demand. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { HoldfastError, messageOf } from "../errors.ts";
import type { RepositorySettings } from "../settings.ts";
import { createHideKey, type HideKey, s3Error } from "./s3_errors.ts";
import type { RepositoryStore } from "./store.ts";

type RareOperations = Pick<RepositoryStore, "beginUpload" | "completeUpload" | "abortUpload">;

/** The rare operations of a store on one bucket and prefix. */
export function createRareOperations(settings: RepositorySettings): RareOperations {
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: settings.region,
    forcePathStyle: settings.forcePathStyle,
    credentials: {
      accessKeyId: settings.accessKeyId,
      secretAccessKey: settings.secretAccessKey,
    },
    // The SDK's defaults fail or stall on Edge Runtime's Deno.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 4,
  });
  const bucket = settings.bucket;
  const hideKey = createHideKey(settings);
  const full = (key: string) => `${settings.prefix}/${key}`;
  return {
    async beginUpload(key, contentType) {
      const begun = await guarded("begin a multipart upload", hideKey, () =>
        client.send(
          new CreateMultipartUploadCommand({
            Bucket: bucket,
            Key: full(key),
            ContentType: contentType,
          }),
        ));
      if (!begun.UploadId) {
        throw new HoldfastError(
          "repository_refused",
          "begin a multipart upload: no id was answered",
        );
      }
      return begun.UploadId;
    },
    async completeUpload(key, uploadId, parts) {
      try {
        await client.send(
          new CompleteMultipartUploadCommand({
            Bucket: bucket,
            Key: full(key),
            UploadId: uploadId,
            IfNoneMatch: "*",
            MultipartUpload: {
              Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })),
            },
          }),
        );
        return "stored";
      } catch (error) {
        if (isCode(error, "PreconditionFailed")) return "exists";
        if (isCode(error, "NoSuchUpload")) return "gone";
        throw typed("complete a multipart upload", error, hideKey);
      }
    },
    async abortUpload(key, uploadId) {
      try {
        await client.send(
          new AbortMultipartUploadCommand({ Bucket: bucket, Key: full(key), UploadId: uploadId }),
        );
      } catch (error) {
        if (!isCode(error, "NoSuchUpload")) throw typed("abort a multipart upload", error, hideKey);
      }
    },
  };
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof S3ServiceException && error.name === code;
}

async function guarded<Result>(
  action: string,
  hideKey: HideKey,
  send: () => Promise<Result>,
): Promise<Result> {
  try {
    return await send();
  } catch (error) {
    throw typed(action, error, hideKey);
  }
}

function typed(action: string, error: unknown, hideKey: HideKey): HoldfastError {
  if (error instanceof S3ServiceException) {
    return s3Error(action, error.$metadata.httpStatusCode ?? 0, error.name, hideKey(error.message));
  }
  return new HoldfastError("repository_unreachable", `${action}: ${hideKey(messageOf(error))}`, {
    cause: error,
  });
}
