/** One character that Storage refuses in a name (Storage v1.70.6, isValidKey). */
const REFUSED = /[^A-Za-z0-9_/!.*'() &$=@;:+,?-]/gu;
/** Storage accepts names up to about 980 bytes. Each character that it accepts is one byte. */
const LONGEST_NAME_BYTES = 900;

/** The name under which Storage accepts a file: each refused character becomes an underscore. */
export function storageName(path: string): string {
  return path.replace(REFUSED, "_");
}

/** Gives each file a unique name that Storage accepts. */
export class Namer {
  readonly #taken: Set<string>;
  /** Number of files whose names were changed. */
  renamed = 0;
  /** Number of files whose names are too long. */
  refused = 0;

  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  /** The name for a file's path with slashes; undefined if the name is too long for Storage. */
  name(path: string): string | undefined {
    const legal = storageName(path);
    let name = legal;
    for (let count = 2; this.#taken.has(name); count++) name = numbered(legal, count);
    if (name.length > LONGEST_NAME_BYTES) {
      this.refused += 1;
      return undefined;
    }
    this.#taken.add(name);
    if (name !== path) this.renamed += 1;
    return name;
  }
}

/** Adds a number to a name: `a/b.png` becomes `a/b-2.png`. */
function numbered(name: string, count: number): string {
  const dot = name.lastIndexOf(".");
  const at = dot > name.lastIndexOf("/") + 1 ? dot : name.length;
  return `${name.slice(0, at)}-${count}${name.slice(at)}`;
}
