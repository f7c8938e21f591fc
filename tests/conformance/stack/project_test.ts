import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { connectStack, StackClient, StackError } from "../../../stack/client.ts";
import { launchStack } from "../../../stack/launch.ts";
import { connect } from "../../../stack/postgres/connection.ts";

const FIXTURES = fileURLToPath(new URL("../../../stack/edge/fixtures", import.meta.url));
const stack = await connectStack();

/** A project of the fixtures, with one function and without Holdfast. */
function createProject(options: Parameters<typeof stack.createProject>[0] = {}) {
  return stack.createProject({ directory: FIXTURES, functions: ["sample"], ...options });
}

const POST = { method: "POST" };

Deno.test("migrations are applied in order as postgres, recorded, and not applied twice", async () => {
  await using project = await createProject();
  await project.migrate();
  await using sql = connect(project.info.databaseUrl);
  assert.deepEqual([...await sql`select text from public.fixture order by text`], [
    { text: "first" },
    { text: "second" },
  ]);
  assert.deepEqual(
    [
      ...await sql`
        select version, name from supabase_migrations.schema_migrations order by version`,
    ],
    [
      { version: "20260101000000", name: "first" },
      { version: "20260102000000", name: "second" },
    ],
  );
  const [owner] = await sql`
    select tableowner from pg_tables where schemaname = 'public' and tablename = 'fixture'`;
  assert.equal(owner.tableowner, "postgres");
});

Deno.test("several SQL statements return the rows of the last one", async () => {
  await using project = await createProject({ migrate: false });
  assert.deepEqual(await project.applySql("select 1 as one, null as nothing"), [
    { one: 1, nothing: null },
  ]);
  assert.deepEqual(
    await project.applySql("select 1 as one; select g as two from generate_series(1, 2) g"),
    [{ two: 1 }, { two: 2 }],
  );
  assert.deepEqual(await project.applySql("create table public.nothing ()"), []);
});

Deno.test("a failing statement returns PostgreSQL's code and is rolled back", async () => {
  await using project = await createProject();
  await assert.rejects(
    project.applySql("create table public.half (); select 1 / 0;"),
    (error) => error instanceof StackError && error.code === "22012",
  );
  await using sql = connect(project.info.databaseUrl);
  const [row] = await sql`select to_regclass('public.half') as half`;
  assert.equal(row.half, null);
});

Deno.test("a project can lack cron, net and vault", async () => {
  await using project = await createProject({ cron: false, net: false, vault: false });
  await using sql = connect(project.info.databaseUrl);
  const [row] = await sql`
    select to_regnamespace('cron') as cron, to_regnamespace('net') as net,
      to_regnamespace('vault') as vault`;
  assert.deepEqual({ ...row }, { cron: null, net: null, vault: null });
  await assert.rejects(project.fireCron(), StackError);
  await assert.rejects(project.drainNet(), StackError);
});

Deno.test("functions get Supabase's secrets and the project's own", async () => {
  await using project = await createProject({ secrets: { OWN: "one" } });
  const read = async () =>
    await (await project.callFunction("sample/environment")).json() as Record<string, string>;
  const { info } = project;
  assert.deepEqual(await read(), {
    SUPABASE_URL: info.url,
    SUPABASE_DB_URL: info.databaseUrl,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: info.secretKey }),
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: info.publishableKey }),
    SUPABASE_JWKS: '{"keys":[]}',
    SUPABASE_SERVICE_ROLE_KEY: info.serviceRoleKey,
    SUPABASE_ANON_KEY: info.anonKey,
    OWN: "one",
  });
  await project.setSecrets({ OTHER: "two", OWN: null });
  const { OWN, OTHER } = await read();
  assert.deepEqual([OWN, OTHER], [undefined, "two"]);
  await assert.rejects(project.setSecrets({ SUPABASE_URL: "http://other" }), StackError);
});

Deno.test("a statement's net.http_post reaches a function once it is committed", async () => {
  await using project = await createProject();
  const url = `${project.url}/functions/v1/sample/log`;
  await project.applySql(`select net.http_post('${url}', '{"from": "sql"}'::jsonb)`);
  await project.drainNet();
  const seen = async () => {
    const logs = await project.functionLogs("sample");
    return logs.filter((line) => line.text.includes('{"from": "sql"}')).length;
  };
  assert.equal(await seen(), 1);
  await project.dropNet(1);
  await project.applySql(`select net.http_post('${url}', '{"from": "sql"}'::jsonb)`);
  await project.drainNet();
  assert.equal(await seen(), 1, "the second one was lost");
});

Deno.test("a cron job runs when it is fired", async () => {
  await using project = await createProject({ cron: "manual" });
  await project.applySql(`
    create table public.fired (at timestamptz);
    select cron.schedule('note', '0 0 1 1 *', 'insert into public.fired values (now())');`);
  await project.fireCron("note");
  await using sql = connect(project.info.databaseUrl);
  const [row] = await sql`select count(*)::int as fired from public.fired`;
  assert.equal(row.fired, 1);
});

Deno.test("a killed function is restarted, and its mode can be changed", async () => {
  await using project = await createProject();
  const isolate = async () => await (await project.callFunction("sample/isolate", POST)).text();
  const first = await isolate();
  assert.equal(await isolate(), first);
  assert.equal(await project.killFunction("sample"), 1);
  const second = await isolate();
  assert.notEqual(second, first);
  await project.call("setFunctionsMode", { mode: "per_post" });
  assert.notEqual(await isolate(), await isolate());
  await project.functionsIdle();
});

Deno.test("the real pg_cron is used if the server has it, else refused", async () => {
  const { hasPgCron } = await stack.call("stackInfo", {});
  if (!hasPgCron) {
    await assert.rejects(createProject({ cron: "pg_cron" }), /HOLDFAST_POSTGRES_BIN/);
    return;
  }
  await using project = await createProject({ cron: "pg_cron" });
  assert.equal(project.info.cron, "pg_cron");
  await using sql = connect(project.info.databaseUrl);
  const [row] = await sql`select extname from pg_extension where extname = 'pg_cron'`;
  assert.equal(row.extname, "pg_cron");
});

Deno.test("projects are isolated, and a deleted project is removed", async () => {
  await using one = await createProject();
  const other = await createProject();
  assert.notEqual(one.info.name, other.info.name);
  await using sql = connect(one.info.databaseUrl);
  await sql`delete from public.fixture`;
  await using otherSql = connect(other.info.databaseUrl);
  const [row] = await otherSql`select count(*)::int as rows from public.fixture`;
  assert.equal(row.rows, 2);
  await other[Symbol.asyncDispose]();
  await assert.rejects(fetch(other.url));
  await assert.rejects(other.functionLogs(), /no project/);
});

Deno.test("a restarted server has all committed data, and the workers reconnect", async () => {
  // A stack of its own: a restart ends the connections of all tests that run meanwhile.
  await using launched = await launchStack();
  const ownStack = new StackClient(launched.url);
  await using project = await ownStack.createProject({
    directory: FIXTURES,
    functions: ["sample"],
  });
  for (const mode of ["fast", "immediate"] as const) {
    await ownStack.restartPostgres(mode);
    await using sql = connect(project.info.databaseUrl);
    const [row] = await sql`select count(*)::int as rows from public.fixture`;
    assert.equal(row.rows, 2);
    const url = `${project.url}/functions/v1/sample/log`;
    await sql`select net.http_post(${url}, ${sql.json({ mode })})`;
    await project.drainNet();
    const logs = await project.functionLogs("sample");
    assert.ok(logs.some((line) => line.text.includes(mode)));
  }
});

Deno.test("the input of an operation is validated", async () => {
  await assert.rejects(
    stack.createProject({ name: "Not A Name" }),
    (error) => error instanceof StackError && /name/.test(error.message),
  );
});
