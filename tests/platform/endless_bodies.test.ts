import assert from "node:assert/strict";
import { readText, writeAll } from "../support/raw_connection.ts";
import { ONE_PROCESS, TestProject } from "../support/project.ts";
import { NO_RUN, routesServed } from "../support/routes.ts";

/** Errors in the transfer of a body that last until the response arrives. */
const ENDLESS: Record<string, { head: string; chunk: string; everyMs: number }> = {
  "it drips": { head: "content-length: 1000", chunk: " ", everyMs: 200 },
  "it drips in chunks": { head: "transfer-encoding: chunked", chunk: "1\r\n \r\n", everyMs: 200 },
  "its chunks have no end": {
    head: "transfer-encoding: chunked",
    chunk: `2000\r\n${" ".repeat(0x2000)}\r\n`,
    everyMs: 1,
  },
  "its length is 10 GB": {
    head: "content-length: 10000000000",
    chunk: " ".repeat(9_000),
    everyMs: 1,
  },
  "it is nested": {
    head: "content-length: 1000000",
    chunk: "[".repeat(10_000),
    everyMs: 1,
  },
};

/** A function that reads such a body to its end does not respond. */
const TIMEOUT_MS = 90_000;

/** Sends a body without an end. Returns the response, which must arrive nevertheless. */
async function sendEndless(
  url: string,
  path: string,
  key: string,
  { head, chunk, everyMs }: typeof ENDLESS[string],
): Promise<string> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = [
    `POST /functions/v1/${path} HTTP/1.1`,
    `host: ${hostname}`,
    `apikey: ${key}`,
    head,
  ];
  const giveUp = setTimeout(() => connection.close(), TIMEOUT_MS);
  let answered = false;
  const sending = (async () => {
    await writeAll(connection, `${lines.join("\r\n")}\r\n\r\n`);
    while (!answered) {
      await writeAll(connection, chunk);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })().catch(() => {});
  const answer = await readText(connection, (text) => /\}\s*$/.test(text));
  answered = true;
  clearTimeout(giveUp);
  await sending;
  return answer;
}

Deno.test("a slow or endless body is cancelled at every route", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const keys = await Promise.all(
    (["worker", "operate", "restore"] as const).map((scope) => project.key(scope)),
  );
  const routes = (routesServed()).filter((route) => route.startsWith("POST "))
    .map((route) => route.slice("POST ".length).replace(":id", NO_RUN));
  assert.ok(routes.length >= 8, String(routes));
  const asked = routes.flatMap((path) =>
    Object.entries(ENDLESS).map(async ([what, body]) => {
      const answers = await Promise.all(
        keys.map((key) => sendEndless(project.url, path, key, body)),
      );
      const codes = answers.map((answer) => /"code": ?"(\w+)"/.exec(answer)?.[1]).sort();
      // One of the keys has the scope. A route without a body responds before the body ends.
      const own = path.endsWith("/cancel") ? "run_unknown" : "request_invalid";
      assert.deepEqual(codes, [own, "scope_refused", "scope_refused"].sort(), `${path}: ${what}`);
    })
  );
  await Promise.all(asked);
  assert.equal((await project.sql`select from holdfast_private.runs`).length, 0);
  // The next caller gets a response.
  await project.backup();
});
