import { join } from "node:path";
import { S3Error } from "../errors.ts";
import { Bucket } from "./bucket.ts";

/** The buckets below one folder. */
export class Store {
  readonly #buckets = new Map<string, Bucket>();
  /** Names of buckets during creation: a second request must not open the same files. */
  readonly #opening = new Set<string>();

  private constructor(readonly directory: string) {}

  /** Opens all existing buckets. Only one server at a time may use a folder. */
  static async open(directory: string): Promise<Store> {
    const store = new Store(directory);
    await Deno.mkdir(directory, { recursive: true });
    for await (const entry of Deno.readDir(directory)) {
      if (entry.isDirectory) await store.#open(entry.name);
    }
    return store;
  }

  close(): void {
    for (const bucket of this.#buckets.values()) bucket.close();
    this.#buckets.clear();
  }

  /** Every bucket, by name. */
  buckets(): Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** @throws {S3Error} NoSuchBucket */
  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new S3Error("NoSuchBucket", undefined, { BucketName: name });
    return bucket;
  }

  /** @throws {S3Error} InvalidBucketName, BucketAlreadyOwnedByYou */
  async createBucket(name: string): Promise<void> {
    const wellFormed = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes("..");
    if (!wellFormed) throw new S3Error("InvalidBucketName", undefined, { BucketName: name });
    if (this.#buckets.has(name) || this.#opening.has(name)) {
      throw new S3Error("BucketAlreadyOwnedByYou", undefined, { BucketName: name });
    }
    await this.#open(name);
  }

  async #open(name: string): Promise<void> {
    this.#opening.add(name);
    try {
      this.#buckets.set(name, await Bucket.open(name, join(this.directory, name)));
    } finally {
      this.#opening.delete(name);
    }
  }

  /** @throws {S3Error} NoSuchBucket, BucketNotEmpty */
  async deleteBucket(name: string): Promise<void> {
    const bucket = this.bucket(name);
    if (!bucket.isEmpty) throw new S3Error("BucketNotEmpty", undefined, { BucketName: name });
    this.#buckets.delete(name);
    bucket.close();
    await Deno.remove(join(this.directory, name), { recursive: true });
  }
}
