/** Faults of servers that answer over HTTP, and of proxies before them. */
export const HTTP_FAULTS = [
  "status_429",
  "status_429_wait",
  "status_503",
  "status_503_wait",
  "reset",
  "redirect",
  "html_page",
  "empty_200",
  "truncated_body",
  "longer_body",
  "slow_drip",
  "flipped_answer",
  "wrong_etag",
  "stale_body",
  "stale_list",
  "expired_key",
  "delete_locked",
] as const;

/** Faults of PostgreSQL. */
export const SQL_FAULTS = [
  "statement_timeout",
  "serialization_failure",
  "disk_full",
  "connection_refused",
] as const;

/** The name of a fault of a server that answers over HTTP. */
export type HttpFault = (typeof HTTP_FAULTS)[number];

/** The name of a fault of PostgreSQL. */
export type SqlFault = (typeof SQL_FAULTS)[number];

/** The name of a fault of a server. */
export type ServerFault = HttpFault | SqlFault;
