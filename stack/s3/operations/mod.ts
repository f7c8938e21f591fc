import type { BucketHandler, Reply, S3Request, ServiceHandler } from "../request.ts";
import type { Operation } from "../router.ts";
import type { Store } from "../store/store.ts";
import {
  createBucket,
  deleteBucket,
  getBucketVersioning,
  headBucket,
  listBuckets,
} from "./buckets.ts";
import { copyObject, uploadPartCopy } from "./copy.ts";
import { listObjects, listObjectsV2 } from "./list.ts";
import { listMultipartUploads, listParts } from "./list_uploads.ts";
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  uploadPart,
} from "./multipart.ts";
import { deleteObject, deleteObjects, getObject, headObject, putObject } from "./objects.ts";

const HANDLERS: Record<Operation, ServiceHandler> = {
  ListBuckets: listBuckets,
  CreateBucket: createBucket,
  DeleteBucket: deleteBucket,
  HeadBucket: onBucket(headBucket),
  GetBucketVersioning: onBucket(getBucketVersioning),
  ListObjects: onBucket(listObjects),
  ListObjectsV2: onBucket(listObjectsV2),
  ListMultipartUploads: onBucket(listMultipartUploads),
  DeleteObjects: onBucket(deleteObjects),
  PutObject: onBucket(putObject),
  CopyObject: copyObject,
  GetObject: onBucket(getObject),
  HeadObject: onBucket(headObject),
  DeleteObject: onBucket(deleteObject),
  CreateMultipartUpload: onBucket(createMultipartUpload),
  UploadPart: onBucket(uploadPart),
  UploadPartCopy: uploadPartCopy,
  CompleteMultipartUpload: onBucket(completeMultipartUpload),
  AbortMultipartUpload: onBucket(abortMultipartUpload),
  ListParts: onBucket(listParts),
};

/** Carries out a request. @throws {S3Error} the error that S3 would answer */
export function perform(request: S3Request, store: Store): Promise<Reply> | Reply {
  return HANDLERS[request.operation](request, store);
}

function onBucket(handler: BucketHandler): ServiceHandler {
  return (request, store) => handler(request, store.bucket(request.bucket));
}
