/** How code calls the functions of a database, whatever is behind it. */

/**
 * What a worker knows of its cursor. A call that is given it fails with `lease_lost` where the
 * database knows of no commit as late as that, and notes the last one after the call. Where a call
 * failed it may have been committed all the same: then the database knows of a later one.
 */
export interface Fence {
  readonly cursor: number;
  /** UTC, to the microsecond; null where nothing is known yet, and all goes. */
  committedAt: string | null;
}

/** The one way to Postgres: every call is one statement, so one transaction. */
export interface Database {
  /**
   * Calls holdfast.<name> with named arguments and returns its result, JSON parsed.
   * @throws HoldfastError with the code that the SQL raised, or `database_…`.
   */
  call<Result>(name: string, parameters: Record<string, unknown>, fence?: Fence): Promise<Result>;
  close(): Promise<void>;
}
