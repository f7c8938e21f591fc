import { createHash } from "node:crypto";
import type postgres from "postgres";

/** The result of lease_cursor. */
export interface Lease {
  cursor: string;
  run: string;
  kind: string;
  stage: string;
  bucket_id: string | null;
  position: Record<string, unknown>;
  attempts: number;
  crashes: number;
  isolation_mode: boolean;
  repository: number | null;
  sequence: number | null;
  frozen: string | null;
  limits: {
    bytes_per_second: number | null;
    requests_per_second: number | null;
    egress: boolean;
  };
  slice_seconds: number;
}

/** An object that a page assigns to a slice. */
export interface Item {
  bucket_id: string;
  name: string;
  object_id: string;
  version: string;
  size: number | null;
  etag: string | null;
  metadata: Record<string, unknown>;
  blob: number | null;
  assumed: boolean;
}

/** The result of an item. */
export interface Result extends Item {
  stored?: { key: string; size: number; sha256: string; part_size?: number };
  failure?: { class: "unavailable" | "failed"; code: string; message: string };
  upload?: { key: string; part_size: number };
}

/** One worker of a run: an owner of leases, with the calls that a slice makes. */
export class SqlWorker {
  readonly owner: string = crypto.randomUUID();

  constructor(readonly sql: postgres.Sql) {}

  /** Leases a cursor in an isolate of an age in seconds. Returns null if no cursor is free. */
  async lease(run: string | null = null, isolateSeconds = 0): Promise<Lease | null> {
    const [row] = await this.sql<{ lease: Lease | null }[]>`
      select holdfast_private.lease_cursor(${this.owner}, 'holdfast-backup', ${run}, ${isolateSeconds})
        as lease`;
    return row.lease;
  }

  async prepared(lease: Lease, facts: object): Promise<number> {
    const [row] = await this.sql<{ sequence: number }[]>`
      select holdfast_private.backup_prepared(${lease.cursor}, ${this.owner}, ${this.json(facts)})
        as sequence`;
    return row.sequence;
  }

  async page(lease: Lease, maxItems = 500, windowRows = 50_000) {
    const [row] = await this.sql<{ page: { items: Item[]; to: string | null } }[]>`
      select holdfast_private.backup_page(${lease.cursor}, ${this.owner}, ${maxItems}, ${windowRows})
        as page`;
    return row.page;
  }

  async commit(
    lease: Lease,
    results: Result[],
    to: string | null,
    done: Record<string, number> = {},
  ) {
    await this.sql`select holdfast_private.backup_commit(${lease.cursor}, ${this.owner},
      ${this.json(results)}, ${to}, ${this.json(done)})`;
  }

  async missingPage(lease: Lease, maxItems = 500) {
    const [row] = await this.sql<{ page: { items: Item[]; position: object | null } }[]>`
      select holdfast_private.missing_page(${lease.cursor}, ${this.owner}, ${maxItems}) as page`;
    return row.page;
  }

  async missingCommit(lease: Lease, results: Result[], position: object) {
    await this.sql`select holdfast_private.missing_commit(${lease.cursor}, ${this.owner},
      ${this.json(results)}, ${this.json(position)}, '{}')`;
  }

  async closePage(lease: Lease, maxItems = 500): Promise<number> {
    const [row] = await this.sql<{ seen: number }[]>`
      select holdfast_private.close_page(${lease.cursor}, ${this.owner}, ${maxItems}) as seen`;
    return row.seen;
  }

  async finish(lease: Lease, done: Record<string, number> = {}) {
    await this.sql`select holdfast_private.finish_cursor(${lease.cursor}, ${this.owner},
      ${this.json(done)})`;
  }

  async heartbeat(lease: Lease) {
    await this.sql`select holdfast_private.heartbeat(${lease.cursor}, ${this.owner})`;
  }

  async release(lease: Lease, restSeconds = 0) {
    await this
      .sql`select holdfast_private.release_cursor(${lease.cursor}, ${this.owner}, ${restSeconds})`;
  }

  /** Releases a cursor, with the server's Retry-After time if there is one. */
  async leave(lease: Lease, asked?: { seconds: number; code: string; message: string }) {
    await this.sql`select holdfast_private.leave_cursor(${lease.cursor}, ${this.owner},
      ${asked?.seconds ?? null}, ${asked?.code ?? null}, ${asked?.message ?? null})`;
  }

  async mayRead(lease: Lease): Promise<boolean> {
    const [row] = await this.sql<{ may: boolean }[]>`
      select holdfast_private.may_read(${lease.cursor}, ${this.owner}) as may`;
    return row.may;
  }

  async pause(lease: Lease) {
    const [row] = await this.sql<
      { paused: { newly_paused: boolean; until?: string; code?: string; message?: string } }[]
    >`select holdfast_private.pause_cursor(${lease.cursor}, ${this.owner}) as paused`;
    return row.paused;
  }

  async fail(lease: Lease, code: string) {
    await this.sql`select holdfast_private.fail_run(${lease.cursor}, ${this.owner}, ${code},
      'It went wrong.', 'Do it right.')`;
  }

  json(value: object) {
    return this.sql.json(value as postgres.JSONValue);
  }
}

/** The result of an item that was copied or refers to stored bytes. */
export function copied(item: Item): Result {
  if (item.blob !== null) return item;
  const key = `data/${item.bucket_id}/${item.name}/${item.version}`;
  const sha256 = createHash("sha256").update(item.etag ?? "").digest("hex");
  return { ...item, stored: { key, size: item.size ?? 0, sha256 } };
}

/** The result of an item that could not be copied. */
export function failed(
  item: Item,
  failureClass: "unavailable" | "failed",
  code = "bytes_missing",
): Result {
  return {
    ...item,
    blob: null,
    assumed: false,
    failure: { class: failureClass, code, message: "It could not be copied." },
  };
}
