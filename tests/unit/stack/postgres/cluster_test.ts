import assert from "node:assert/strict";
import { startPostgres } from "../../../../stack/postgres/cluster.ts";
import { connect } from "../../../../stack/postgres/connection.ts";
import { createWorkspace } from "../../../../stack/process/workspace.ts";
import { eventually } from "../../../conformance/postgres/support.ts";
import { exists } from "../process/support.ts";

Deno.test("a cluster creates, drops and keeps projects' databases", async (t) => {
  await using workspace = await createWorkspace();
  await using cluster = await startPostgres({ workspace });

  await t.step("it listens only on this machine and has no Unix socket", async () => {
    await using sql = connect(cluster.adminUrl("postgres"));
    const [row] = await sql`select current_setting('listen_addresses') as addresses,
      current_setting('unix_socket_directories') as sockets, current_setting('fsync') as fsync`;
    assert.deepEqual({ ...row }, { addresses: "127.0.0.1", sockets: "", fsync: "off" });
  });

  await t.step("several databases are created at once and are independent", async () => {
    const names = ["one", "two", "Three-3"];
    const databases = await Promise.all(names.map((name) => cluster.createProjectDatabase(name)));
    for (const { databaseUrl, name } of databases) {
      await using sql = connect(databaseUrl);
      const [row] = await sql`select current_database() as name, current_user as role`;
      assert.deepEqual({ ...row }, { name, role: "postgres" });
      await sql`create table public.mine ()`;
    }
    await assert.rejects(cluster.createProjectDatabase("one"), { code: "42P04" });
    await assert.rejects(cluster.createProjectDatabase("o/ne"), TypeError);
  });

  await t.step("a database is dropped while it has connections", async () => {
    const { databaseUrl } = await cluster.createProjectDatabase("short-lived");
    await using sql = connect(databaseUrl);
    await sql`select 1`;
    await cluster.dropDatabase("short-lived");
    await assert.rejects(Promise.resolve(sql`select 1`));
    await cluster.dropDatabase("short-lived");
    await cluster.createProjectDatabase("short-lived");
  });

  await t.step("cron, net and vault can be omitted", async () => {
    const options = { cron: false, net: false, vault: false };
    const { databaseUrl, cron } = await cluster.createProjectDatabase(
      "without_extensions",
      options,
    );
    assert.equal(cron, "none");
    await using sql = connect(databaseUrl);
    const [row] = await sql`
      select to_regprocedure('cron.schedule(text,text,text)') as cron,
        to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') as net,
        to_regprocedure('vault.create_secret(text,text,text,uuid)') as vault`;
    assert.deepEqual({ ...row }, { cron: null, net: null, vault: null });
  });

  for (const mode of ["fast", "immediate"] as const) {
    await t.step(`a ${mode} restart ends connections and keeps committed data`, async () => {
      const { databaseUrl } = await cluster.createProjectDatabase(mode);
      const port = cluster.port;
      await using sql = connect(databaseUrl);
      await sql`create table kept as select 1 as n`;
      await sql.unsafe("begin; insert into kept values (2)").simple();
      await cluster.restart(mode);
      assert.equal(cluster.port, port);
      const rows = await eventually(10, () => sql`select n from kept`.catch(() => undefined));
      assert.deepEqual(rows.map((row) => row.n), [1]);
    });
  }
});

Deno.test("a folder without PostgreSQL is refused and named", async () => {
  await using workspace = await createWorkspace();
  await assert.rejects(
    startPostgres({ workspace, binDirectory: "/nonexistent" }),
    /HOLDFAST_POSTGRES_BIN: no PostgreSQL can be run from \/nonexistent/,
  );
});

Deno.test("the shared memory of a durable server is removed when its owner is killed", async () => {
  const owner = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", new URL("./owner.ts", import.meta.url).pathname],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const [, path, segment, port, settings] = /^(\S+) (\S+) (\S+) (.*)$/.exec(
    await firstLine(owner.stdout),
  )!;
  assert.deepEqual(JSON.parse(settings), { fsync: "on", connections: "7", quoted: "it's" });
  assert.equal(await segmentLives(segment), true);
  owner.kill("SIGKILL");
  await owner.status;
  await eventually(20, async () => await exists(path) ? undefined : true);
  assert.equal(await segmentLives(segment), false);
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: Number(port) }));
});

/** The kernel's list of System V segments, of which PostgreSQL has one for each data folder. */
async function segmentLives(id: string): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  const lines = (await Deno.readTextFile("/proc/sysvipc/shm")).split("\n");
  return lines.some((line) => line.trim().split(/\s+/)[1] === id);
}

async function firstLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error("the owner ended without a line");
}
