import { receiveDocument } from "../body/receive.ts";
import { S3Error } from "../errors.ts";
import type { BucketHandler, ServiceHandler } from "../request.ts";
import { parseXml, xmlChildText, xmlDocument, xmlElement, xmlText } from "../xml.ts";

/** The region for which S3 returns an empty LocationConstraint. */
const UNNAMED_REGION = "us-east-1";

export const listBuckets: ServiceHandler = (_request, store) => {
  const buckets = store.buckets().map((bucket) =>
    xmlElement(
      "Bucket",
      xmlText("Name", bucket.name),
      xmlText("CreationDate", new Date(bucket.state.created).toISOString()),
    )
  );
  return { body: xmlDocument("ListAllMyBucketsResult", xmlElement("Buckets", ...buckets)) };
};

export const createBucket: ServiceHandler = async (request, store) => {
  if (Number(request.headers.get("content-length") ?? 0) > 0) {
    const document = parseXml(await receiveDocument(request), "CreateBucketConfiguration");
    const region = xmlChildText(document, "LocationConstraint") ?? UNNAMED_REGION;
    if (region !== request.region) {
      throw new S3Error("InvalidArgument", "The specified location-constraint is not valid");
    }
  }
  await store.createBucket(request.bucket);
  return { headers: { location: `/${request.bucket}` } };
};

export const deleteBucket: ServiceHandler = async (request, store) => {
  await store.deleteBucket(request.bucket);
  return { status: 204 };
};

export const headBucket: BucketHandler = (request) => {
  return { headers: { "x-amz-bucket-region": request.region } };
};

/** Returns an empty status, because the stand-in has no versioning. */
export const getBucketVersioning: BucketHandler = () => {
  return { body: xmlDocument("VersioningConfiguration") };
};
