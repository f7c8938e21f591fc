/** Who is at work on what, so that each change is known by the one who made it. */
export class Locks {
  readonly #objectPaths = new Set<string>();
  readonly #buckets = new Set<string>();

  /** Takes places, all or none; not where one is taken, or its bucket is. */
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

  /** Takes a whole bucket; not while anybody is at work in it. */
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

/** The bucket of a place; no bucket's id has a slash. */
function bucketOf(objectPath: string): string {
  return objectPath.slice(0, objectPath.indexOf("/"));
}
