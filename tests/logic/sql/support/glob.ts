/** What is to be backed up, as holdfast_private.settings says it. */
export interface ScopeSettings {
  buckets: string[] | null;
  include: string[];
  exclude: string[];
  max_object_bytes: number | null;
}

/** A scope as its description reads, without regular expressions: what the SQL is held to. */
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

/** Whether a bucket is one that Holdfast makes for a run: named by what it is for and the run's UUID. */
function isOwnBucket(bucket: string): boolean {
  const run = /^holdfast-(?:scratch|drill)-(.*)$/s.exec(bucket)?.[1] ?? "";
  return run.length === 36 &&
    [...run].every((each, index) =>
      ([8, 13, 18, 23].includes(index) ? "-" : "0123456789abcdef").includes(each)
    );
}

/**
 * `*` is any number of characters but slashes, `?` one character but a slash, `**` any number of
 * any, and `**` with a slash behind it any number of whole segments, none included.
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
