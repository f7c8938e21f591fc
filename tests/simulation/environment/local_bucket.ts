import { type BucketLocation, S3Bucket } from "../../../stack/s3_bucket.ts";
import { S3Error } from "../../../stack/s3/errors.ts";
import type { S3Server } from "../../../stack/s3/types.ts";

/**
 * A bucket of the S3 server in this process. Objects are read from the server's files: a signed
 * request each costs some 3 ms of CPU, and the checks after a run read the whole repository.
 */
export class LocalBucket extends S3Bucket {
  /** @param server the one that runs now; each environment starts its own */
  constructor(location: BucketLocation, readonly server: () => S3Server) {
    super(location);
  }

  override async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const files = this.#filesOf(key);
    if (files === undefined) return undefined;
    const parts = await Promise.all(files.map((file) => Deno.readFile(file)));
    if (parts.length === 1) return parts[0];
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }

  #filesOf(key: string): string[] | undefined {
    try {
      return this.server().objectFiles(this.place.bucket, key);
    } catch (error) {
      if (error instanceof S3Error && error.code === "NoSuchKey") return undefined;
      throw error;
    }
  }
}
