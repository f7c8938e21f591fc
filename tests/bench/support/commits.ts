/** First backups by SQL only: the cost of the commits without any copying. */
import type { Database } from "../../../supabase/functions/_holdfast/lib/database.ts";
import { connectDatabase } from "../../../supabase/functions/_holdfast/project/database.ts";
import type {
  BackupItem,
  BackupResult,
} from "../../../supabase/functions/_holdfast/transfer/types.ts";
import { PAGE_OBJECTS } from "../../../supabase/functions/_holdfast/engine/budget.ts";
import { hexDigest } from "../../../supabase/functions/_holdfast/lib/codecs/hex.ts";
import { dataKey } from "../../../supabase/functions/_holdfast/repository/keys.ts";
import type { Connection } from "../../../stack/postgres/connection.ts";
import type { Bench } from "../bench.ts";
import { addRows } from "./catalog.ts";
import { createBenchProject } from "./project.ts";

const BUCKET = "files";
const OBJECTS = { quick: 5_000, usual: 100_000, full: 500_000 };

/** The cost of committing all results of a first backup. */
export interface CommitResult {
  readonly objects: number;
  /** The time from sending a page to its confirmation, for all pages together. */
  readonly seconds: number;
  /** The bytes of blobs and entries with their indexes, for one object. */
  readonly catalogBytes: number;
}

/**
 * Commits page by page, sorted by name as a scan does, or unsorted. Measured once per run of the
 * bench.
 */
export function commitAll(bench: Bench, order: "by name" | "random"): Promise<CommitResult> {
  return bench.once(`commits ${order}`, async () => {
    const objects = bench.pick(OBJECTS);
    await using project = await createBenchProject(bench, `commits_${crypto.randomUUID()}`);
    bench.say(`making ${objects} rows to commit ${order}`);
    await project.sql`insert into storage.buckets (id, name) values (${BUCKET}, ${BUCKET})`;
    await addRows(project.sql, BUCKET, 1, objects);
    await project.sql`vacuum (analyze) storage.objects`;
    const database = connectDatabase(project.databaseUrl);
    try {
      const commit = await leaseScan(database, project.sourceUrl);
      let milliseconds = 0;
      for await (const items of pages(project.sql, order)) {
        const results = await Promise.all(items.map(stored));
        const begun = performance.now();
        await commit(results, order === "by name" ? items.at(-1)!.name : "");
        milliseconds += performance.now() - begun;
      }
      const catalogBytes = await catalogSize(project.sql) / objects;
      return { objects, seconds: milliseconds / 1000, catalogBytes };
    } finally {
      await database.close();
    }
  });
}

/** Starts a backup and leases its scan; returns what commits a page of it. */
async function leaseScan(database: Database, projectUrl: string) {
  const owner = crypto.randomUUID();
  const lease = () =>
    database.call<{ cursor: number }>("lease_cursor", { owner, function_name: "holdfast-backup" });
  await database.call("bind_project", { project_url: projectUrl });
  await database.call("start_backup", { started_by: "bench" });
  const prepare = await lease();
  const facts = {
    repository_id: crypto.randomUUID(),
    endpoint: "https://example.com",
    bucket: "bucket",
    prefix: "prefix",
    format_version: 1,
    owner_project: projectUrl,
    last_record: 1,
    conditional_writes: true,
  };
  await database.call("backup_prepared", { cursor_id: prepare.cursor, owner, facts });
  const { cursor } = await lease();
  return (results: BackupResult[], toName: string) =>
    database.call("backup_commit", {
      cursor_id: cursor,
      owner,
      results,
      to_name: toName,
      done: { objects_copied: results.length },
    });
}

/** The project's objects in the form of a scan. */
async function* pages(sql: Connection, order: "by name" | "random"): AsyncGenerator<BackupItem[]> {
  const by = order === "random" ? sql`random()` : sql`o.name collate "C"`;
  const rows = sql<{ item: BackupItem }[]>`
    select jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
      'version', o.version, 'size', o.size, 'etag', o.etag, 'metadata', o.metadata) as item
    from holdfast_private.source_objects o order by ${by}`;
  for await (const page of rows.cursor(PAGE_OBJECTS)) yield page.map(({ item }) => item);
}

async function stored(item: BackupItem): Promise<BackupResult> {
  const key = await dataKey(item.bucket_id, item.name, item.version);
  const sha256 = await hexDigest(new TextEncoder().encode(key));
  return { ...item, stored: { key, size: item.size ?? 0, sha256, part_size: null } };
}

async function catalogSize(sql: Connection): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    select (pg_total_relation_size('holdfast_private.blobs')
      + pg_total_relation_size('holdfast_private.entries'))::float8 as bytes`;
  return row!.bytes;
}
