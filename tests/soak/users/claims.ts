/** Who is at work on what, so that each change is known by the one who made it. */
export class Claims {
  readonly #places = new Set<string>();
  readonly #buckets = new Set<string>();

  /** Takes places, all or none; not where one is taken, or its bucket is. */
  take(...places: readonly string[]): boolean {
    if (places.some((place) => this.#places.has(place) || this.#buckets.has(bucketOf(place)))) {
      return false;
    }
    for (const place of places) this.#places.add(place);
    return true;
  }

  /** Takes a whole bucket; not while anybody is at work in it. */
  takeBucket(bucket: string): boolean {
    if (this.#buckets.has(bucket)) return false;
    if ([...this.#places].some((place) => bucketOf(place) === bucket)) return false;
    this.#buckets.add(bucket);
    return true;
  }

  give(...places: readonly string[]): void {
    for (const place of places) this.#places.delete(place);
  }

  giveBucket(bucket: string): void {
    this.#buckets.delete(bucket);
  }
}

/** The bucket of a place; no bucket's id has a slash. */
function bucketOf(place: string): string {
  return place.slice(0, place.indexOf("/"));
}
