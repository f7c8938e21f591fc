/** Statuses that lead elsewhere. Nothing of ours follows one: the key would go along. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
