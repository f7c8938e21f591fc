import assert from "node:assert/strict";
import { Head } from "../../../../../stack/edge/wire/head.ts";
import { type Route, serveProxy } from "../../../../../stack/edge/wire/proxy.ts";
import { decodeBytes, encodeBytes, writeAll } from "../../../../../stack/edge/wire/reader.ts";

/** One side of a raw connection, as a test uses it. */
interface Visit {
  /** All received bytes, one character per byte. */
  received(): string;
  /** Waits until the received bytes match; rejects if the connection ends before. */
  until(pattern: RegExp): Promise<void>;
  send(text: string): Promise<void>;
  /** Resolves when the other side disconnects. */
  disconnected: Promise<void>;
  close(): void;
}

/** Wraps one side of a raw connection. */
function visit(connection: Deno.TcpConn): Visit {
  let received = "";
  let ended = false;
  let wake = Promise.withResolvers<void>();
  async function readAll() {
    const buffer = new Uint8Array(65_536);
    try {
      for (let count; (count = await connection.read(buffer)) !== null;) {
        received += decodeBytes(buffer.subarray(0, count));
        wake.resolve();
        wake = Promise.withResolvers();
      }
    } catch { /* a reset is an end too */ }
    ended = true;
    wake.resolve();
  }
  const disconnected = readAll();
  let closed = false;
  return {
    received: () => received,
    async until(pattern) {
      while (!pattern.test(received)) {
        if (ended) assert.fail(`nothing like ${pattern} came before the end: ${received}`);
        await wake.promise;
      }
    },
    send: (text) => writeAll(connection, encodeBytes(text)),
    disconnected,
    close() {
      if (!closed) connection.close();
      closed = true;
    },
  };
}

/** A test's connections are closed after this time, so that it fails instead of waiting forever. */
const TIMEOUT_SECONDS = 30;

const DOWN = { status: 502, body: { message: "down" } };

/** A proxy before a raw server: `serve` is called for each connection that the proxy makes. */
async function withProxy(
  serve: (server: Visit) => Promise<void>,
  body: (connect: () => Promise<Visit>) => Promise<void>,
  route?: (port: number) => Route,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Visit[] = [];
  const serving: Promise<void>[] = [];
  async function acceptAll() {
    for await (const connection of listener) {
      const server = visit(connection);
      open.push(server);
      serving.push(serve(server));
    }
  }
  const accepting = acceptAll();
  const proxy = serveProxy(({ head }) =>
    route?.(listener.addr.port) ??
      { port: listener.addr.port, head, refused: () => DOWN, hungUp: () => DOWN }
  );
  let timedOut = false;
  const timeout = setTimeout(() => {
    timedOut = true;
    for (const side of open) side.close();
  }, TIMEOUT_SECONDS * 1000);
  try {
    await body(async () => {
      const client = visit(await Deno.connect({ hostname: "127.0.0.1", port: proxy.port }));
      open.push(client);
      return client;
    });
    await Promise.all(serving);
    assert.equal(timedOut, false, "the test timed out");
  } finally {
    clearTimeout(timeout);
    await proxy.stop();
    listener.close();
    await accepting;
    for (const side of open) side.close();
    await Promise.all(open.map((side) => side.disconnected));
  }
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

Deno.test("a body of known length keeps its length, and the path is forwarded unchanged", async () => {
  await withProxy(async (server) => {
    await server.until(/hello$/);
    assert.match(server.received(), /^PUT \/a\/\/b'%2E%20\(x\)\?q=%41 HTTP\/1\.1\r\n/);
    assert.match(server.received(), /content-length: 5\r\n/i);
    assert.doesNotMatch(server.received(), /transfer-encoding|accept-encoding/i);
    await server.send(OK);
    server.close();
  }, async (connect) => {
    const client = await connect();
    await client.send(
      "PUT /a//b'%2E%20(x)?q=%41 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    );
    await client.until(/ok$/);
    assert.match(client.received(), /^HTTP\/1\.1 200 OK\r\nContent-Length: 2\r\n/);
  });
});

Deno.test("chunks and trailers are forwarded unchanged in both directions", async () => {
  const chunks = "5\r\nhello\r\n3;x=y\r\n\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n";
  await withProxy(async (server) => {
    await server.until(/X-Sum: 1\r\n\r\n$/);
    assert.ok(server.received().endsWith(`\r\n\r\n${chunks}`));
    await server.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    server.close();
  }, async (connect) => {
    const client = await connect();
    await client.send(`POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    await client.until(/X-Sum: 1\r\n\r\n$/);
    assert.ok(client.received().endsWith(`\r\n\r\n${chunks}`));
  });
});

Deno.test("a connection serves one request after the other", async () => {
  await withProxy(async (server) => {
    await server.until(/\r\n\r\n/);
    await server.send(OK);
    server.close();
  }, async (connect) => {
    const client = await connect();
    for (const turn of [1, 2, 3]) {
      await client.send("GET / HTTP/1.1\r\n\r\n");
      await client.until(new RegExp(`(ok[^]*){${turn}}$`));
    }
    await client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    await client.disconnected;
    assert.equal(client.received().match(/ok/g)?.length, 4);
  });
});

Deno.test("an encoded body is forwarded unchanged", async () => {
  const bytes = "\x1f\x8b\x08\x00\xff\xfe\x80";
  await withProxy(async (server) => {
    await server.until(/\r\n\r\n/);
    await server.send(
      `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\n${bytes}`,
    );
    server.close();
  }, async (connect) => {
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    await client.until(/\x80$/);
    assert.match(client.received(), /Content-Encoding: gzip\r\nContent-Length: 7/);
    assert.ok(client.received().endsWith(bytes));
  });
});

const BODILESS = [["HEAD", "200 OK"], ["GET", "304 Not Modified"], ["DELETE", "204 No Content"]];

for (const [method, status] of BODILESS) {
  Deno.test(`${method} answered by ${status} has no body, even with a Content-Length`, async () => {
    await withProxy(async (server) => {
      await server.until(/\r\n\r\n/);
      await server.send(`HTTP/1.1 ${status}\r\nContent-Length: 1000\r\n\r\n`);
      server.close();
    }, async (connect) => {
      const client = await connect();
      for (const turn of [1, 2]) {
        await client.send(`${method} / HTTP/1.1\r\n\r\n`);
        await client.until(new RegExp(`(HTTP/1\\.1 ${status}[^]*?\r\n\r\n){${turn}}$`));
      }
    });
  });
}

Deno.test("a body without length ends with the connection", async () => {
  await withProxy(async (server) => {
    await server.until(/\r\n\r\n/);
    await server.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    server.close();
  }, async (connect) => {
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\n\r\n");
    await client.disconnected;
    assert.match(client.received(), /connection: close\r\n\r\nuntil the end$/i);
  });
});

Deno.test("a truncated response is truncated for the client", async () => {
  for (
    const framing of ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3\r\n"]
  ) {
    await withProxy(async (server) => {
      await server.until(/\r\n\r\n/);
      await server.send(`HTTP/1.1 200 OK\r\n${framing}abc`);
      server.close();
    }, async (connect) => {
      const client = await connect();
      await client.send("GET / HTTP/1.1\r\n\r\n");
      await client.disconnected;
      assert.ok(client.received().endsWith("abc"));
    });
  }
});

Deno.test("a truncated request is truncated for the server", async () => {
  const begun = Promise.withResolvers<void>();
  await withProxy(async (server) => {
    await server.until(/abc$/);
    begun.resolve();
    await server.disconnected;
    assert.ok(server.received().endsWith("\r\n\r\nabc"));
    server.close();
  }, async (connect) => {
    const client = await connect();
    await client.send("PUT / HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc");
    await begun.promise;
    client.close();
  });
});

Deno.test("a client that disconnects while it waits is disconnected from the server", async () => {
  const asked = Promise.withResolvers<void>();
  await withProxy(async (server) => {
    await server.until(/\r\n\r\n/);
    asked.resolve();
    await server.disconnected;
    server.close();
  }, async (connect) => {
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\n\r\n");
    await asked.promise;
    client.close();
  });
});

Deno.test("a response before the end of the request reaches the client", async () => {
  const size = 4_000_000;
  await withProxy(async (server) => {
    await server.until(/\r\n\r\n/);
    await server.send("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
    server.close();
  }, async (connect) => {
    const client = await connect();
    await client.send(`PUT / HTTP/1.1\r\nContent-Length: ${size}\r\n\r\n${"x".repeat(size)}`);
    await client.until(/^HTTP\/1\.1 413 [^]*\r\n\r\n$/);
  });
});

Deno.test("100 Continue is forwarded", async () => {
  await withProxy(async (server) => {
    await server.until(/\r\n\r\n/);
    await server.send("HTTP/1.1 100 Continue\r\n\r\n");
    await server.until(/body$/);
    await server.send(OK);
    server.close();
  }, async (connect) => {
    const client = await connect();
    await client.send("PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    await client.send("body");
    await client.until(/ok$/);
  });
});

Deno.test("the proxy responds for a server that is down or disconnects", async () => {
  const notFound = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const deadPort = notFound.addr.port;
  notFound.close();
  for (const dead of [true, false]) {
    await withProxy(
      (server) => Promise.resolve(server.close()),
      async (connect) => {
        const client = await connect();
        await client.send("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
        await client.until(/^HTTP\/1\.1 502 [^]*\{"message":"down"\}$/);
      },
      (port) => ({
        port: dead ? deadPort : port,
        head: new Head("POST / HTTP/1.1", [["Content-Length", "3"]]),
        refused: () => DOWN,
        hungUp: () => DOWN,
      }),
    );
  }
});

Deno.test("a request that a server did not accept goes to the next server", async () => {
  const notFound = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const deadPort = notFound.addr.port;
  notFound.close();
  let done = 0;
  await withProxy(
    async (server) => {
      await server.until(/abc$/);
      await server.send(OK);
      server.close();
    },
    async (connect) => {
      const client = await connect();
      await client.send("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
      await client.until(/ok$/);
    },
    (port) => {
      const head = new Head("POST / HTTP/1.1", [["Content-Length", "3"]]);
      const common = { head, hungUp: () => DOWN, done: () => void done++ };
      const second = { ...common, port, refused: () => DOWN };
      return { ...common, port: deadPort, refused: () => second };
    },
  );
  assert.equal(done, 2);
});

Deno.test("the connection is usable after the proxy's own response", async () => {
  await withProxy(
    () => Promise.resolve(),
    async (connect) => {
      const client = await connect();
      for (const turn of [1, 2]) {
        await client.send("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
        await client.until(new RegExp(`(HTTP/1\\.1 401 [^]*no key[^]*){${turn}}$`));
      }
    },
    () => ({ status: 401, body: "no key" }),
  );
});

Deno.test("an endless head is refused", async () => {
  await withProxy(() => Promise.resolve(), async (connect) => {
    const client = await connect();
    await client.send(`GET / HTTP/1.1\r\nX: ${"x".repeat(140_000)}`);
    await client.until(/^HTTP\/1\.1 431 /);
  });
});
