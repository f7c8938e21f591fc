/** The interface through which code calls SQL functions. Tests replace its implementation. */

/**
 * A fencing token: the time of the last commit that a worker knows of its cursor. If the database has
 * only an older commit (it was restored from a backup), the call fails with `lease_lost`. A newer one
 * is accepted, because a call that failed may have been committed. Each call updates the token.
 */
export interface Fence {
  /** Row id of the cursor. */
  readonly cursor: number;
  /** UTC with microseconds; null before the first call, which is not fenced. */
  committedAt: string | null;
}

/** The connection to Postgres. Every call is one statement and therefore one transaction. */
export interface Database {
  /**
   * Calls the SQL function `holdfast.<name>`.
   *
   * @param parameters named arguments
   * @param fence is checked before the call and updated by it
   * @returns the function's result, with JSON parsed
   * @throws HoldfastError with the code that the SQL raised, or `database_…`
   */
  call<Result>(name: string, parameters: Record<string, unknown>, fence?: Fence): Promise<Result>;
  /** Closes the connection. */
  close(): Promise<void>;
}
