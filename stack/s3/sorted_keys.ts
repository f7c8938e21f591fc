/** Maximum size of a chunk before it is split. Small chunks keep insertion cheap. */
const CHUNK_KEYS = 1024;

/**
 * Compares two strings by their UTF-8 bytes, the order in which S3 lists keys. JavaScript's
 * comparison uses UTF-16 units and sorts U+1F600 before U+FF5E.
 */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return utf8Rank(a) - utf8Rank(b);
  }
  return left.length - right.length;
}

/** Sort order of a UTF-16 unit. Surrogates rank highest, as they encode characters above U+FFFF. */
function utf8Rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

/** A set of keys in UTF-8 byte order with fast insertion and deletion. */
export class SortedKeys {
  /** No chunk is ever empty. */
  #chunks: string[][] = [];

  /** Replaces all keys. It is faster than adding them one by one. */
  load(keys: Iterable<string>): void {
    const sorted = [...keys].sort(compareUtf8);
    this.#chunks = [];
    for (let start = 0; start < sorted.length; start += CHUNK_KEYS / 2) {
      this.#chunks.push(sorted.slice(start, start + CHUNK_KEYS / 2));
    }
  }

  /** Adds a key. An existing key has no effect. */
  add(key: string): void {
    if (this.#chunks.length === 0) {
      this.#chunks.push([key]);
      return;
    }
    const isBefore = (other: string) => compareUtf8(other, key) < 0;
    const at = Math.min(this.#chunkOf(isBefore), this.#chunks.length - 1);
    const chunk = this.#chunks[at];
    const index = firstNot(chunk, isBefore);
    if (chunk[index] === key) return;
    chunk.splice(index, 0, key);
    if (chunk.length > CHUNK_KEYS) {
      this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK_KEYS / 2));
    }
  }

  /** Removes a key. A missing key has no effect. */
  delete(key: string): void {
    const isBefore = (other: string) => compareUtf8(other, key) < 0;
    const at = this.#chunkOf(isBefore);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const index = firstNot(chunk, isBefore);
    if (chunk[index] !== key) return;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /**
   * The keys in order, starting at the first for which `isBefore` is false. `isBefore` must be true
   * for all earlier keys. The set must not change during the iteration.
   */
  *from(isBefore: (key: string) => boolean): Generator<string, undefined> {
    let at = this.#chunkOf(isBefore);
    if (at >= this.#chunks.length) return;
    let index = firstNot(this.#chunks[at], isBefore);
    for (; at < this.#chunks.length; at++, index = 0) {
      const chunk = this.#chunks[at];
      for (; index < chunk.length; index++) yield chunk[index];
    }
  }

  /** Index of the first chunk for whose last key `isBefore` is false. */
  #chunkOf(isBefore: (key: string) => boolean): number {
    return firstNot(this.#chunks, (chunk) => isBefore(chunk[chunk.length - 1]));
  }
}

function firstNot<Item>(items: readonly Item[], isBefore: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(items[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
