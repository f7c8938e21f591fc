import assert from "node:assert/strict";
import type postgres from "postgres";
import { type SqlProject, sqlTest } from "./support/project.ts";

const RUNS = 2_000;
const CURSORS_OF_A_RUN = 10;
const UPLOADS = 100_000;
/** A full read of these rows for each object of a page takes more than half a minute. */
const PAGE_SECONDS = 10;
const PAGE = 500;

/** Rows of a table that a statement read by sequential scans. */
async function rowsScanned(
  { admin }: SqlProject,
  table: string,
  statement: (sql: postgres.TransactionSql) => Promise<unknown>,
): Promise<number> {
  return await admin.begin(async (sql) => {
    const read = async () => {
      const [row] = await sql`
        select seq_tup_read::int as rows from pg_stat_xact_user_tables
        where relid = ${`holdfast_private.${table}`}::regclass`;
      return Number(row?.rows ?? 0);
    };
    const before = await read();
    await statement(sql);
    return await read() - before;
  });
}

/** Ended backups, each with its cursors. */
async function withRuns({ admin }: SqlProject): Promise<void> {
  await admin`
    with run as (
      insert into holdfast_private.runs (kind, state, plan, started_by, started_at, ended_at)
      select 'backup', 'succeeded', '{}', 'schedule', now() - n * interval '1 hour', now()
      from generate_series(1, ${RUNS}::int) n returning id)
    insert into holdfast_private.cursors (run, stage, counters, finished_at)
    select run.id, 'objects', '{"objects_copied": 2}', now()
    from run, generate_series(1, ${CURSORS_OF_A_RUN}::int)`;
  await admin`analyze holdfast_private.runs, holdfast_private.cursors`;
}

sqlTest("the history of backups looks up the cursors of each run by an index", async (project) => {
  await withRuns(project);
  const scanned = await rowsScanned(project, "cursors", async (sql) => {
    const history = await sql`select copied from holdfast.backup_history`;
    assert.equal(history.length, RUNS);
    assert.ok(history.every(({ copied }) => Number(copied) === 2 * CURSORS_OF_A_RUN));
  });
  assert.ok(scanned <= RUNS * CURSORS_OF_A_RUN, `${scanned} rows were read for ${RUNS} runs`);
});

sqlTest("an ended run is shown and deleted through its own cursors", async (project) => {
  await withRuns(project);
  const scanned = await rowsScanned(project, "cursors", async (sql) => {
    const [run] = await sql`select id from holdfast_private.runs order by started_at limit 1`;
    await sql`select holdfast_private.show_run(${run!.id}), holdfast_private.list_runs(20)`;
    await sql`delete from holdfast_private.runs where id = ${run!.id}`;
  });
  assert.equal(scanned, 0);
});

sqlTest(
  "a page of large objects looks up the unfinished uploads of ended runs by an index",
  async (project) => {
    const { admin } = project;
    const [{ repository, run }] = await admin`
    with repository as (
      insert into holdfast_private.repositories (repository_id, endpoint, bucket, prefix, format_version)
      values (gen_random_uuid(), 'https://s3.example.com', 'b', 'p', 1) returning id
    ), ended as (
      insert into holdfast_private.runs (kind, state, plan, started_by, repository)
      select 'backup', 'failed', '{}', 'schedule', id from repository returning id
    ), run as (
      insert into holdfast_private.runs (kind, plan, started_by, repository)
      select 'backup', '{}', 'schedule', id from repository returning id
    ), pending as (
      insert into holdfast_private.uploads (run, repository, bucket_id, name, object, key, part_size)
      select ended.id, repository.id, 'files', 'name ' || n, '{"version": "1", "size": 9000000}', 'k' || n, 8388608
      from ended, repository, generate_series(1, ${UPLOADS}::int) n
    )
    select repository.id as repository, run.id as run from repository, run`;
    await admin`analyze holdfast_private.uploads`;
    const results = Array.from({ length: PAGE }, (_, index) => ({
      bucket_id: "files",
      name: `name ${index + 1}`,
      version: "1",
      size: 9_000_000,
      upload: { key: "k", part_size: 8_388_608 },
    }));
    await admin.begin(async (sql) => {
      await sql`select set_config('statement_timeout', ${`${PAGE_SECONDS}s`}, true)`;
      await sql`
      select holdfast_private.begin_uploads(r, ${results as never}::jsonb)
      from holdfast_private.runs r where r.id = ${run}`;
    });
    const [{ adopted }] = await admin`
    select count(*)::int as adopted from holdfast_private.uploads
    where run = ${run} and repository = ${repository}`;
    assert.equal(adopted, PAGE);
  },
);
