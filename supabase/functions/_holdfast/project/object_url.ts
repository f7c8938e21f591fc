/** Makes URLs of objects. */

/** Percent-encodes each segment of a key or name, and keeps the slashes. */
export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/**
 * Makes the URL of an object.
 *
 * @param base the project's URL, without a slash at the end
 * @param route route of Storage, such as `object/authenticated`
 * @returns undefined if no URL can name the object: URL parsers collapse `.` and `..` segments
 * silently, and another object would be read
 */
export function objectUrl(
  base: string,
  route: string,
  bucket: string,
  name: string,
): URL | undefined {
  if (!name.isWellFormed() || !bucket.isWellFormed()) return undefined;
  const path = `/storage/v1/${route}/${encodePath(bucket)}/${encodePath(name)}`;
  const url = new URL(base + path);
  return url.pathname.endsWith(path) ? url : undefined;
}
