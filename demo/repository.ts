/** Reads the repository with only its bucket and docs/FORMAT.md, without any code of Holdfast. */
import { RepositoryReader } from "../stack/repository_reader.ts";
import { S3Bucket } from "../stack/s3_bucket.ts";
import type { RepositoryBucket } from "./environment.ts";

export type { Entry, Snapshot } from "../stack/repository_reader.ts";
export { RepositoryFault, RepositoryReader } from "../stack/repository_reader.ts";

/** A reader of the repository in a bucket. */
export function readerOf(repository: RepositoryBucket): RepositoryReader {
  return new RepositoryReader(new S3Bucket(repository), repository.secrets.HOLDFAST_S3_PREFIX);
}
