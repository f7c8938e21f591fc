import assert from "node:assert/strict";
import { connect } from "../../../stack/postgres/connection.ts";
import { startNet } from "../../../stack/postgres/net.ts";
import { assertRefused, eventually, openServer, rolledBack } from "./support.ts";

Deno.test("net: requests from SQL", async (t) => {
  await using subject = await openServer();
  const { sql } = subject;

  await t.step("its functions are found by their signatures", async () => {
    const [row] = await sql`
      select to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is not null as post,
        to_regprocedure('net.http_get(text,jsonb,jsonb,integer)') is not null as get,
        to_regprocedure('net.http_delete(text,jsonb,jsonb,integer,jsonb)') is not null as delete`;
    assert.deepEqual({ ...row }, { post: true, get: true, delete: true });
  });

  await t.step("its tables are unlogged", async () => {
    const rows = await sql`
      select relname from pg_class
      where relnamespace = 'net'::regnamespace and relkind = 'r' and relpersistence = 'u'`;
    assert.deepEqual(rows.map((row) => row.relname).sort(), [
      "_http_response",
      "http_request_queue",
    ]);
  });

  await t.step(
    "a request is a row with its parameters encoded and defaults filled in",
    () =>
      rolledBack(sql, async (tx) => {
        const [{ id }] = await tx`
        select net.http_post('http://127.0.0.1:9/p', '{"a": 1}',
          params => '{"a b": "c&d"}', headers => '{"apikey": "k"}') as id`;
        const [row] = await tx`
        select method, url, headers, convert_from(body, 'utf8')::jsonb as body, timeout_milliseconds
        from net.http_request_queue where id = ${id}`;
        assert.deepEqual({ ...row }, {
          method: "POST",
          url: "http://127.0.0.1:9/p?a%20b=c%26d",
          headers: { apikey: "k", "Content-Type": "application/json" },
          body: { a: 1 },
          timeout_milliseconds: 5000,
        });
        const text = `select net.http_post('http://127.0.0.1:9/', headers =>
        '{"Content-Type": "text/plain"}')`;
        await assertRefused(tx, text, "P0001");
      }),
  );

  const { stack } = subject;
  // Only a server on this machine can observe the requests.
  if (!stack) return;
  await using receiver = startReceiver();
  await using worker = await startNet({ adminUrl: stack.database.adminUrl });
  const post = (path: string, timeout = 5000) =>
    sql`select net.http_post(${receiver.url + path}, '{"a": 1}',
      timeout_milliseconds => ${timeout}::integer) as id`.then((rows) => rows[0].id);

  await t.step("nothing is sent before the commit, nor after a rollback", async () => {
    await rolledBack(sql, async (tx) => {
      await tx`select net.http_post(${receiver.url + "/never"})`;
    });
    await sql.begin(async (tx) => {
      await tx`select net.http_post(${receiver.url + "/later"})`;
      await worker.drain();
      assert.deepEqual(receiver.paths(), []);
    });
    await eventually(10, () => Promise.resolve(receiver.paths()[0]));
    await worker.drain();
    assert.deepEqual(receiver.paths(), ["/later"]);
  });

  await t.step("the response becomes a row", async () => {
    const id = await post("/echo");
    await worker.drain();
    const [row] = await sql`
      select status_code, content_type, content, headers ->> 'x-seen' as seen, timed_out, error_msg
      from net._http_response where id = ${id}`;
    assert.deepEqual({ ...row }, {
      status_code: 202,
      content_type: "text/plain",
      content: '{"a": 1}',
      seen: "application/json",
      timed_out: false,
      error_msg: null,
    });
  });

  await t.step("a failed request has a row and is not sent again", async () => {
    receiver.forget();
    const slow = await post("/hang", 50);
    const far = await sql`select net.http_get('http://192.0.2.1/') as id`.then((r) => r[0].id);
    const closed = await sql`select net.http_get('http://127.0.0.1:1/') as id`.then((r) => r[0].id);
    await worker.drain();
    const rows = await sql`
      select id, status_code, timed_out, error_msg is not null as has_error
      from net._http_response where id in ${sql([slow, far, closed])} order by id`;
    assert.deepEqual(rows.map((row) => ({ ...row })), [
      { id: slow, status_code: null, timed_out: true, has_error: true },
      { id: far, status_code: null, timed_out: false, has_error: true },
      { id: closed, status_code: null, timed_out: false, has_error: true },
    ]);
    await worker.drain();
    assert.deepEqual(receiver.paths(), ["/hang"]);
    // No request was sent: the stack connects only to this machine.
    const [row] = await sql`select error_msg from net._http_response where id = ${far}`;
    assert.equal(row.error_msg, "Couldn't resolve host name");
  });

  await t.step("a batch waits for its slowest request", async () => {
    receiver.forget();
    await sql`select net.http_post(${receiver.url} || path)
      from unnest(array['/gate', '/with']) as path`;
    await eventually(10, () => Promise.resolve(receiver.paths()[1]));
    await post("/after");
    // A notification of another connection takes the same path, so the worker's has arrived by now.
    await using other = connect(stack.database.adminUrl);
    await other`select pg_notify('net_wake', '')`;
    assert.deepEqual(receiver.paths().sort(), ["/gate", "/with"]);
    receiver.openGate();
    await worker.drain();
    assert.deepEqual(receiver.paths().sort(), ["/after", "/gate", "/with"]);
  });

  await t.step("lost requests are neither sent nor answered", async () => {
    receiver.forget();
    worker.drop(1);
    const lost = await post("/lost");
    await worker.drain();
    await post("/kept");
    await worker.drain();
    assert.deepEqual(receiver.paths(), ["/kept"]);
    assert.equal((await sql`select from net._http_response where id = ${lost}`).length, 0);
  });

  await t.step("it continues after a restart of the server", async () => {
    receiver.forget();
    await stack.cluster.restart("immediate");
    await eventually(10, () => post("/back").catch(() => undefined));
    await eventually(10, () => Promise.resolve(receiver.paths()[0]));
    assert.deepEqual(receiver.paths(), ["/back"]);
  });
});

/** A server that records its requests. `/hang` never responds; `/gate` responds when the gate opens. */
function startReceiver() {
  const gate = Promise.withResolvers<void>();
  const closing = new AbortController();
  const closed = new Promise<void>((resolve) =>
    closing.signal.addEventListener("abort", () => resolve())
  );
  let paths: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, answer);

  async function answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    paths.push(pathname);
    const body = await request.text();
    if (pathname === "/hang") await closed;
    if (pathname === "/gate") await gate.promise;
    const seen = request.headers.get("content-type") ?? "";
    return new Response(body, {
      status: 202,
      headers: { "content-type": "text/plain", "x-seen": seen },
    });
  }
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    paths: () => [...paths],
    forget: () => paths = [],
    openGate: () => gate.resolve(),
    async [Symbol.asyncDispose]() {
      closing.abort();
      gate.resolve();
      await server.shutdown();
    },
  };
}
