import assert from "node:assert/strict";
import { allocateTimes } from "../../../cli/add/times.ts";
import { connectStack } from "../../../stack/client.ts";
import { connect } from "../../../stack/postgres/connection.ts";
import { REPOSITORY, Scene, type Tree } from "./support.ts";

/** A project's own 40 migrations. The last three have times in the future. */
const OWN: Tree = Object.fromEntries(Array.from({ length: 40 }, (_, index) => {
  const year = index < 37 ? 2024 : 2027;
  const time = `${year}0101${String(index).padStart(6, "0")}`;
  return [
    `supabase/migrations/${time}_own_${index}.sql`,
    `create table public.own_${index} (id bigint primary key);\n`,
  ];
}));

/** The stack's Postgres does not support TLS. The CLI requires TLS unless sslmode disables it. */
const pushTo = (
  databaseUrl: string,
) => ["db", "push", "--db-url", `${databaseUrl}?sslmode=disable`];

async function history(databaseUrl: string): Promise<string[]> {
  await using sql = connect(databaseUrl);
  const rows = await sql<{ version: string }[]>`
    select version from supabase_migrations.schema_migrations order by version`;
  return rows.map((row) => row.version);
}

Deno.test("the CLI pushes Holdfast's migrations, and both later and earlier ones", async (t) => {
  await using stack = await connectStack();
  await using project = await stack.createProject({ migrate: false, functions: [] });
  const { databaseUrl } = project.info;
  const push = pushTo(databaseUrl);
  await using scene = await Scene.create(OWN);

  await t.step("the project's own 40 migrations are applied first", async () => {
    const { code, stderr } = await scene.supabase(push);
    assert.equal(code, 0, stderr);
    assert.equal((await history(databaseUrl)).length, 40);
  });

  const before = await scene.files();
  const { status, errors } = await scene.add([scene.project, "--yes"], { checkout: REPOSITORY });
  assert.equal(status, 0, errors);
  const times = Object.keys(await scene.files())
    .filter((path) => path.startsWith("migrations/") && !(path in before))
    .map((path) => path.slice("migrations/".length, "migrations/".length + 14)).sort();

  await t.step("after add, a push applies only the new migrations", async () => {
    const { code, stderr, stdout } = await scene.supabase(push);
    assert.equal(code, 0, stderr);
    const applied = [...(stdout + stderr).matchAll(/Applying migration (\d+)_(\w+)\.sql/g)];
    assert.deepEqual(applied.map((match) => match[1]), times);
    assert.ok(applied.every((match) => match[2]!.startsWith("holdfast_")));
    assert.deepEqual((await history(databaseUrl)).slice(40), times);
  });

  await t.step("a second push and a second add change nothing", async () => {
    const again = await scene.supabase(push);
    assert.match(again.stdout + again.stderr, /Remote database is up to date/);
    const added = await scene.add([scene.project, "--yes"], { checkout: REPOSITORY });
    assert.match(added.output, /nothing to change/);
  });

  await t.step("a folder without Holdfast's migrations is refused", async () => {
    await using without = await Scene.create(OWN);
    const { code, stdout, stderr } = await without.supabase(push);
    assert.notEqual(code, 0);
    const said = stdout + stderr;
    assert.match(said, /Remote migration versions not found in local migrations directory/);
    assert.match(said, new RegExp(`migration repair --status reverted ${times.join(" ")}`));
    assert.equal((await history(databaseUrl)).length, 40 + times.length);
  });

  await t.step("a teammate's later migration is applied last", async () => {
    const [time] = allocateTimes(times, 1, new Date());
    await scene.change({ [`migrations/${time}_later.sql`]: "create table public.later ();\n" });
    const { code, stdout, stderr } = await scene.supabase(push);
    assert.equal(code, 0, stderr);
    assert.match(stdout + stderr, new RegExp(`Applying migration ${time}_later.sql`));
  });
});

Deno.test("the SQL editor's file installs once and atomically, and the CLI can take over", async (t) => {
  await using stack = await connectStack();
  await using project = await stack.createProject({ migrate: false, functions: [] });
  const { databaseUrl } = project.info;
  await using scene = await Scene.create();
  const { output: sql } = await scene.add(["--sql"], { checkout: REPOSITORY });

  await t.step("if it cannot be installed, it installs nothing", async () => {
    await using withoutCron = await stack.createProject({
      migrate: false,
      functions: [],
      cron: false,
    });
    await assert.rejects(withoutCron.applySql(sql), /pg_cron/);
    await using connection = connect(withoutCron.info.databaseUrl);
    const [row] = await connection`select to_regnamespace('holdfast') as schema`;
    assert.equal(row?.schema, null);
  });

  await t.step("it installs, and writes nothing to the CLI's migration history", async () => {
    await project.applySql(sql);
    await using connection = connect(databaseUrl);
    const [row] = await connection`select to_regclass('holdfast_private.runs')::text as runs`;
    assert.equal(row?.runs, "holdfast_private.runs");
    assert.deepEqual(await history(databaseUrl), []);
  });

  await t.step("a second run is refused and names the next step", async () => {
    await assert.rejects(project.applySql(sql), (error: Error & { hint?: string }) => {
      assert.match(error.message, /Holdfast is in this database already/);
      assert.match(error.hint ?? "", /Supabase CLI/);
      return true;
    });
  });

  await t.step("the CLI takes over as described in the file's header", async () => {
    await scene.add([scene.project, "--yes"], { checkout: REPOSITORY });
    const times = Object.keys(await scene.files())
      .map((path) => path.match(/^migrations\/(\d+)_holdfast_/)?.[1])
      .filter((time) => time !== undefined).sort();
    const url = `${databaseUrl}?sslmode=disable`;
    const repair = ["migration", "repair", "--status", "applied", "--db-url", url, ...times];
    const repaired = await scene.supabase(repair);
    assert.equal(repaired.code, 0, repaired.stderr);
    const { stdout, stderr } = await scene.supabase(pushTo(databaseUrl));
    assert.match(stdout + stderr, /Remote database is up to date/);
    assert.deepEqual(await history(databaseUrl), times);
  });
});

Deno.test("--sql writes a file, and overwrites another file only with --force", async () => {
  await using scene = await Scene.create();
  const path = `${scene.workspace.path}/holdfast.sql`;
  assert.equal((await scene.add(["--sql", "holdfast.sql"])).status, 0);
  const sql = await Deno.readTextFile(path);
  assert.match(sql, /^-- Holdfast 0\.1\.0 for the SQL editor: 2 migrations in one transaction\.$/m);
  assert.match(
    sql,
    /\nbegin;\n[^]*create schema holdfast;[^]*holdfast\.runs[^]*\ncommit;\n$/,
  );
  assert.equal(
    (await scene.add(["--sql=holdfast.sql"])).status,
    0,
    "a file with the same content may be overwritten",
  );
  await Deno.writeTextFile(path, "mine");
  await scene.refused(["--sql", "holdfast.sql"], /holdfast\.sql is there already[^]*--force/);
  assert.equal(await Deno.readTextFile(path), "mine");
  assert.equal((await scene.add(["--sql", "holdfast.sql", "--force"])).status, 0);
  assert.equal(await Deno.readTextFile(path), sql);
  await scene.refused(["--sql", "no/such/folder.sql"], /could not be written/);
  await scene.refused(["--sql", "my app"], /is a folder/);
});
