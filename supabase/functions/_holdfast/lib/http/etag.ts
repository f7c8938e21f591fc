/** Parses ETag headers. */

/**
 * Removes the quotes and the mark of a weak etag (`W/`). Rows and responses differ in both, so etags
 * are compared without them. Null becomes an empty text.
 */
export function unquoteEtag(etag: string | null): string {
  return (etag ?? "").replace(/^W\//, "").replaceAll('"', "");
}
