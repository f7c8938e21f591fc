import postgres from "postgres";

/** One connection, closed at the end of the block that made it by `await using`. */
export type Connection = postgres.Sql & AsyncDisposable;

/** Opens one connection; notices are dropped. */
export function connect(url: string, options: postgres.Options<never> = {}): Connection {
  const sql = postgres(url, { max: 1, onnotice: () => undefined, ...options });
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) });
}
