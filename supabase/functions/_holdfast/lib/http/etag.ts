/** ETag headers. */

/** An etag without quotes and without the mark of a weak one, as rows and answers differ in both. */
export function unquoteEtag(etag: string | null): string {
  return (etag ?? "").replace(/^W\//, "").replaceAll('"', "");
}
