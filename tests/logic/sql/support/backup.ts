import type { SqlProject } from "./project.ts";
import { copied, type Item, type Lease, type Result, SqlWorker } from "./worker.ts";
import type { ListPart, Repository, SnapshotDocument } from "./repository.ts";

/** Options of a backup in SQL. By default, everything can be copied. */
export interface BackupOptions {
  act?: (item: Item) => Result;
  maxItems?: number;
  windowRows?: number;
  maxLines?: number;
  /** Called before each page of the scan with the last scanned name. */
  beforePage?: (scanned: string) => Promise<void>;
  /** Called before the commit of a page of the scan, with the page's items. */
  beforeCommit?: (items: readonly Item[]) => Promise<unknown>;
  /** Called before each lease. The run stops there if it returns true. */
  stopBefore?: (lease: Lease) => boolean;
}

/** The result of a backup in SQL. */
export interface BackupOutcome {
  run: string;
  /** `bucket/name` of the scan's items, in order. */
  scanned: string[];
  /** `bucket/name` of the missing stage's items. */
  missing: string[];
  /** Undefined if the run stopped early. */
  snapshot?: SnapshotDocument;
}

/** Starts a backup and makes, in SQL alone, the calls that the slices of one worker make. */
export async function runBackup(
  project: SqlProject,
  repository: Repository,
  options: BackupOptions = {},
): Promise<BackupOutcome> {
  const [{ run }] = await project.worker<{ run: string }[]>`
    select holdfast_private.start_backup('test') as run`;
  return await continueBackup(project, repository, run, options);
}

/** Continues a run that has started, like {@link runBackup}. */
export async function continueBackup(
  project: SqlProject,
  repository: Repository,
  run: string,
  options: BackupOptions = {},
): Promise<BackupOutcome> {
  const sqlWorker = new SqlWorker(project.worker);
  const outcome: BackupOutcome = { run, scanned: [], missing: [] };
  for (let lease = await sqlWorker.lease(run); lease !== null; lease = await sqlWorker.lease(run)) {
    if (options.stopBefore?.(lease)) {
      await sqlWorker.release(lease);
      break;
    }
    switch (lease.stage) {
      case "prepare":
        await sqlWorker.prepared(lease, repository.facts());
        break;
      case "objects":
        outcome.scanned.push(...await scan(sqlWorker, lease, options));
        break;
      case "missing":
        outcome.missing.push(...await followMissing(sqlWorker, lease, options));
        break;
      case "close":
        while (await sqlWorker.closePage(lease, options.maxItems) > 0);
        await sqlWorker.finish(lease);
        break;
      case "seal":
        outcome.snapshot = await seal(sqlWorker, lease, repository, options.maxLines);
        break;
      default:
        throw new Error(`no worker knows the stage ${lease.stage}`);
    }
  }
  return outcome;
}

async function scan(sqlWorker: SqlWorker, lease: Lease, options: BackupOptions): Promise<string[]> {
  const { act = copied, maxItems, windowRows } = options;
  const scanned: string[] = [];
  for (let behind = "";;) {
    await options.beforePage?.(behind);
    const page = await sqlWorker.page(lease, maxItems, windowRows);
    if (page.to === null) break;
    behind = page.to;
    if (page.items.length === 0) continue;
    await options.beforeCommit?.(page.items);
    await sqlWorker.commit(lease, page.items.map(act), page.to);
    scanned.push(...page.items.map(path));
  }
  await sqlWorker.finish(lease);
  return scanned;
}

async function followMissing(
  sqlWorker: SqlWorker,
  lease: Lease,
  options: BackupOptions,
): Promise<string[]> {
  const { act = copied, maxItems } = options;
  const followed: string[] = [];
  while (true) {
    const page = await sqlWorker.missingPage(lease, maxItems);
    if (page.position === null) break;
    await sqlWorker.missingCommit(lease, page.items.map(act), page.position);
    followed.push(...page.items.map(path));
  }
  await sqlWorker.finish(lease);
  return followed;
}

/** A small number, so that tests have more than one step. */
const COUNTED_AT_ONCE = 3;

interface SealPage {
  count: number;
  text: string;
  bucket_id: string;
  name: string;
  kind: ListPart["kind"];
  parts: ListPart[];
  inherited: ListPart[];
  totals: Record<string, number>;
}

/** Writes the listing in parts of `maxLines`, freezes the document and seals the run. */
export async function seal(
  sqlWorker: SqlWorker,
  lease: Lease,
  repository: Repository,
  maxLines = 50_000,
): Promise<SnapshotDocument> {
  const { sql, owner } = sqlWorker;
  while (true) {
    const [{ page }] = await sql<{ page: SealPage }[]>`
      select holdfast_private.seal_page(${lease.cursor}, ${owner}, ${maxLines}) as page`;
    if (page.count === 0) {
      return await freeze(sqlWorker, lease, [...page.inherited, ...page.parts]);
    }
    const parts = [...page.parts, repository.putPart(page.kind, page.text)];
    const position = { bucket_id: page.bucket_id, name: page.name, parts, totals: page.totals };
    await sql`select holdfast_private.commit_cursor(${lease.cursor}, ${owner}, ${
      sqlWorker.json(position)
    }, '{}')`;
  }
}

async function freeze(
  sqlWorker: SqlWorker,
  lease: Lease,
  parts: ListPart[],
): Promise<SnapshotDocument> {
  const { sql, owner } = sqlWorker;
  let counted = false;
  while (!counted) {
    [{ counted }] = await sql<{ counted: boolean }[]>`
      select holdfast_private.seal_count(${lease.cursor}, ${owner}, ${COUNTED_AT_ONCE}) as counted`;
  }
  const [{ facts }] = await sql<{ facts: Omit<SnapshotDocument, "id" | "parts"> }[]>`
    select holdfast_private.seal_facts(${lease.cursor}, ${owner}) as facts`;
  const document = { id: `snapshot-${facts.sequence}`, ...facts, parts };
  await sql`select holdfast_private.freeze_snapshot(${lease.cursor}, ${owner},
    ${JSON.stringify(document)})`;
  await sql`select holdfast_private.seal_run(${lease.cursor}, ${owner}, '{}')`;
  return document;
}

const path = (item: Item) => `${item.bucket_id}/${item.name}`;
