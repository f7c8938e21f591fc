/**
 * The HTTP statuses of redirects. Holdfast follows none, because a redirect would send the
 * credentials to another host.
 */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
