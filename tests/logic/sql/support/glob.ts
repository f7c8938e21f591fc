/** The scope of a backup in holdfast_private.settings. */
export interface ScopeSettings {
  buckets: string[] | null;
  include: string[];
  exclude: string[];
  max_object_bytes: number | null;
}

/**
 * Whether an object is in scope. The reference for the SQL, written without regular expressions.
 */
export function isInScope(
  settings: ScopeSettings,
  bucket: string,
  name: string,
  size: number | null,
): boolean {
  const path = `${bucket}/${name}`;
  return !isOwnBucket(bucket) &&
    (settings.buckets === null || settings.buckets.includes(bucket)) &&
    settings.include.some((glob) => matchesGlob(glob, path)) &&
    !settings.exclude.some((glob) => matchesGlob(glob, path)) &&
    (settings.max_object_bytes === null || (size ?? 0) <= settings.max_object_bytes);
}

/** Whether Holdfast creates a bucket for a run: its name has a purpose and the run's UUID. */
function isOwnBucket(bucket: string): boolean {
  const run = /^holdfast-(?:scratch|drill)-(.*)$/s.exec(bucket)?.[1] ?? "";
  return run.length === 36 &&
    [...run].every((each, index) =>
      ([8, 13, 18, 23].includes(index) ? "-" : "0123456789abcdef").includes(each)
    );
}

/**
 * Whether a glob matches a path. `*` matches any characters except slashes, and `?` one character
 * except a slash. `**` matches any characters, and `**` before a slash any number of whole
 * segments, including none.
 */
export function matchesGlob(glob: string, path: string): boolean {
  return matches(tokens(glob), [...path]);
}

function tokens(glob: string): string[] {
  return glob.match(/\*{2,}\/|\*{2,}|[^]/gu)?.map((token) => token.replace(/^\*{2,}/, "**")) ?? [];
}

function matches(glob: string[], path: string[]): boolean {
  const [token, ...rest] = glob;
  if (token === undefined) return path.length === 0;
  const [first] = path;
  switch (token) {
    case "**/":
      return matches(rest, path) ||
        path.some((character, index) => character === "/" && matches(rest, path.slice(index + 1)));
    case "**":
      return path.some((_, index) => matches(rest, path.slice(index))) || matches(rest, []);
    case "*":
      return matches(rest, path) ||
        (first !== undefined && first !== "/" && matches(glob, path.slice(1)));
    case "?":
      return first !== undefined && first !== "/" && matches(rest, path.slice(1));
    default:
      return token === first && matches(rest, path.slice(1));
  }
}
