import { compareUtf8, type SortedKeys } from "../sorted_keys.ts";

/** The parameters of a listing of keys. */
export interface KeyQuery {
  readonly prefix: string;
  /** "" for none. */
  readonly delimiter: string;
  /** The listing starts after this key, or after all keys with this common prefix. */
  readonly after: string;
  readonly limit: number;
}

/** One page of a listing. */
export interface KeyPage {
  readonly keys: readonly string[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  /** The last key or common prefix of the page. The next page starts after it. */
  readonly last: string;
}

/** Lists keys and common prefixes up to a delimiter, in the order of the keys. */
export function listPage(index: SortedKeys, query: KeyQuery): KeyPage {
  const { prefix, delimiter, after, limit } = query;
  const keys: string[] = [];
  const commonPrefixes: string[] = [];
  const commonPrefix = (key: string) => {
    const end = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    return end < 0 ? undefined : key.slice(0, end + delimiter.length);
  };
  const behindGroup = (group: string) => (key: string) =>
    compareUtf8(key, group) < 0 || key.startsWith(group);
  const isBefore = after !== "" && after.startsWith(prefix) && commonPrefix(after) === after
    ? behindGroup(after)
    : (key: string) =>
      compareUtf8(key, prefix) < 0 || (after !== "" && compareUtf8(key, after) <= 0);

  let last = "";
  let walk = index.from(isBefore);
  for (let next = walk.next(); !next.done; next = walk.next()) {
    const key = next.value;
    if (!key.startsWith(prefix)) break;
    const truncated = keys.length + commonPrefixes.length >= limit;
    if (truncated) return { keys, commonPrefixes, truncated: limit > 0, last };
    const group = commonPrefix(key);
    if (group === undefined) {
      keys.push(key);
      last = key;
    } else {
      commonPrefixes.push(group);
      last = group;
      walk = index.from(behindGroup(group));
    }
  }
  return { keys, commonPrefixes, truncated: false, last };
}
