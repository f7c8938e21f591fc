import postgres from "postgres";

/** A database connection. `await using` closes it at the end of the block. */
export type Connection = postgres.Sql & AsyncDisposable;

/** Opens one connection; notices are dropped. */
export function connect(url: string, options: postgres.Options<never> = {}): Connection {
  const sql = postgres(url, { max: 1, onnotice: () => undefined, ...options });
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) });
}
