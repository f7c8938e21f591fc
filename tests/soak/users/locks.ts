/** Locks of paths and buckets, so that each change is recorded by the user who made it. */
export class Locks {
  readonly #objectPaths = new Set<string>();
  readonly #buckets = new Set<string>();

  /** Locks paths, all or none. Returns false if a path or its bucket is locked. */
  take(...objectPaths: readonly string[]): boolean {
    if (
      objectPaths.some((objectPath) =>
        this.#objectPaths.has(objectPath) || this.#buckets.has(bucketOf(objectPath))
      )
    ) {
      return false;
    }
    for (const objectPath of objectPaths) this.#objectPaths.add(objectPath);
    return true;
  }

  /** Locks a bucket. Returns false while it or a path in it is locked. */
  takeBucket(bucket: string): boolean {
    if (this.#buckets.has(bucket)) return false;
    if ([...this.#objectPaths].some((objectPath) => bucketOf(objectPath) === bucket)) return false;
    this.#buckets.add(bucket);
    return true;
  }

  give(...objectPaths: readonly string[]): void {
    for (const objectPath of objectPaths) this.#objectPaths.delete(objectPath);
  }

  giveBucket(bucket: string): void {
    this.#buckets.delete(bucket);
  }
}

/** The bucket of a path; no bucket's id contains a slash. */
function bucketOf(objectPath: string): string {
  return objectPath.slice(0, objectPath.indexOf("/"));
}
