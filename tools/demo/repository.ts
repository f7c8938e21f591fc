/** The repository as somebody reads it who has its bucket and docs/FORMAT.md and none of Holdfast. */
import { RepositoryReader } from "../../tests/stack/repository_reader.ts";
import { S3Bucket } from "../../tests/stack/s3_bucket.ts";
import type { RepositoryBucket } from "./scene.ts";

export type { Entry, Snapshot } from "../../tests/stack/repository_reader.ts";
export { RepositoryFault, RepositoryReader } from "../../tests/stack/repository_reader.ts";

/** A reader of the repository in a bucket. */
export function readerOf(repository: RepositoryBucket): RepositoryReader {
  return new RepositoryReader(new S3Bucket(repository), repository.secrets.HOLDFAST_S3_PREFIX);
}
