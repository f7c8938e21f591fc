/** How an object's name becomes a URL. */

/** Bytes of a name that a percent-encoded path segment leaves bare, beyond encodeURIComponent's. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment);
}

/** A key or name with each segment percent-encoded and its slashes kept. */
export function encodePath(path: string): string {
  return path.split("/").map(encodeSegment).join("/");
}

/**
 * The URL of an object below a Storage route, or undefined where no URL can name it: URL parsers
 * collapse `.` and `..` segments silently, and another object would be read.
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
