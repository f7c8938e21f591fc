/** Database calls of a worker that holds a cursor. They run one after the other behind a fence. */
import type { Database, Fence } from "../lib/database.ts";
import type { Budget } from "./budget.ts";
import type { Lease, SliceContext } from "./types.ts";

/**
 * Makes a worker's `commit`. It adds the cursor, the owner and the lease's fence to each call. If
 * the call has counters (`done`), it also adds the bytes read from Storage since the last commit.
 *
 * @param owner UUID of the worker
 */
export function committer(
  database: Database,
  owner: string,
  { rateLimiter }: Budget,
): SliceContext["commit"] {
  const call = oneAfterTheOther(database);
  return async <Result>(
    name: string,
    lease: Lease,
    parameters: Record<string, unknown> = {},
  ): Promise<Result> => {
    const named = { cursor_id: lease.cursor, owner, ...parameters };
    const read = "done" in parameters ? rateLimiter.takeBytesRead() : 0;
    if (read === 0) return await call<Result>(name, lease, named);
    try {
      const done = { ...parameters["done"] as Record<string, number>, bytes_read: read };
      return await call<Result>(name, lease, { ...named, done });
    } catch (error) {
      rateLimiter.countRead(read);
      throw error;
    }
  };
}

/** Sends calls one after the other, because each one's fence is the commit before it. */
function oneAfterTheOther(database: Database) {
  const fences = new WeakMap<Lease, Fence>();
  let last: Promise<unknown> = Promise.resolve();
  return <Result>(name: string, lease: Lease, named: Record<string, unknown>): Promise<Result> => {
    const fence = fences.get(lease) ?? { cursor: lease.cursor, committedAt: null };
    fences.set(lease, fence);
    const call = last.then(() => database.call<Result>(name, named, fence));
    last = call.catch(() => {});
    return call;
  };
}
