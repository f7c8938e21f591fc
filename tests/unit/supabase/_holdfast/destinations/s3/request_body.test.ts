import assert from "node:assert/strict";
import { requestBody } from "../../../../../../supabase/functions/_holdfast/destinations/s3/request_body.ts";

/** Responds with the stated length and the SHA-256 of the received bytes. */
function startServer(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const bytes = await request.arrayBuffer();
    return Response.json({
      length: request.headers.get("content-length"),
      type: request.headers.get("content-type"),
      digest: await digestOf(bytes),
    });
  });
}

async function digestOf(bytes: BufferSource): Promise<number[]> {
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))];
}

for (const size of [0, 1, 100_000, 128 * 1024, 9_000_000]) {
  Deno.test(`${size} bytes are sent with their length, and can be sent again`, async () => {
    await using server = startServer();
    const bytes = new Uint8Array(size).map((_, index) => index % 251);
    const sent = { length: String(size), type: null, digest: await digestOf(bytes) };
    for (let time = 1; time <= 2; time++) {
      const response = await fetch(`http://127.0.0.1:${server.addr.port}`, {
        method: "PUT",
        body: await requestBody(bytes),
      });
      assert.deepEqual(await response.json(), sent);
    }
    assert.equal(bytes.length, size, "they are still ours");
  });
}

Deno.test("large bytes are passed without a copy", async () => {
  const bytes = new Uint8Array(1_000_000);
  const body = await requestBody(bytes);
  assert.ok(body instanceof Blob);
  for await (const chunk of body.stream()) assert.equal(chunk, bytes);
});
