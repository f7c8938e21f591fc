import assert from "node:assert/strict";
import { createObjectReader } from "../../../../../supabase/functions/_holdfast/project/storage_reader.ts";
import { FakeTransport } from "../../fake_transport.ts";
import { TestClock } from "../../test_clock.ts";

const PROJECT = { url: "https://abc.supabase.co", secretKey: "sb_secret_1" };

const kindOf = async (answer: Response) =>
  (await createObjectReader(PROJECT, new FakeTransport(answer)).read("b", "n")).kind;

Deno.test("a firewall that blocks one name does not mean that the key is refused", async () => {
  const page = "<html>Sorry, you have been blocked</html>";
  assert.equal(await kindOf(new Response(page, { status: 403 })), "failed");
});

Deno.test("a gateway without a route to Storage does not mean that the bytes are missing", async () => {
  const body = { message: "no Route matched with those values" };
  assert.equal(await kindOf(Response.json(body, { status: 404 })), "failed");
});

Deno.test("a redirect is not followed: it would send the key to another server", async () => {
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const keys: (string | null)[] = [];
  const other = Deno.serve(options, ({ headers }) => {
    keys.push(headers.get("apikey"));
    return new Response("not the object");
  });
  await using _other = other;
  await using storage = Deno.serve(
    options,
    () => Response.redirect(`http://127.0.0.1:${other.addr.port}/`, 302),
  );
  const project = { ...PROJECT, url: `http://127.0.0.1:${storage.addr.port}` };
  const reader = createObjectReader(project, { fetch, clock: new TestClock() });
  const answer = await reader.read("b", "n");
  if (answer.kind === "bytes") await answer.response.body?.cancel();
  assert.deepEqual([answer.kind, keys], ["failed", []]);
});
