/** Writes that break off, and their effects. */
import assert from "node:assert/strict";
import { project } from "./context.ts";
import {
  assertRefused,
  bucketTest,
  call,
  callJson,
  randomBytes,
  standInAtRest,
  standInOf,
  until,
} from "./support.ts";

bucketTest("interrupted: a body that breaks off stores nothing", async (bucket) => {
  await bucket.put("a", "old");
  await assert.rejects(call("PUT", bucket.path("a"), { body: brokenBody() }));
  await assert.rejects(call("POST", bucket.path("b"), { body: brokenBody() }));
  await standInAtRest();
  assert.equal(await bucket.text("a"), "old");
  await assertRefused(call("GET", bucket.path("b")), { code: "NoSuchKey" });
});

/** Some bytes, and then an error. */
function brokenBody(): ReadableStream<Uint8Array<ArrayBuffer>> {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent++ < 4) controller.enqueue(randomBytes(65536));
      else controller.error(new Error("broken off"));
    },
  });
}

const standInOnly = { needs: ["stand-in" as const] };

bucketTest("interrupted: fewer bytes than content-length says", standInOnly, async (bucket) => {
  const stored = await standInOf().countStoredVersions();
  const { hostname, port } = new URL(standInOf().url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = [
    `POST /storage/v1${bucket.path("a")} HTTP/1.1`,
    `host: ${hostname}`,
    `authorization: Bearer ${project.serviceKey}`,
    "content-length: 1000",
  ];
  await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\nhalf of it`));
  await until(() => standInOf().requests.inFlight > 0);
  connection.close();
  await standInAtRest();
  await assertRefused(call("GET", bucket.path("a")), { code: "NoSuchKey" });
  assert.equal(await standInOf().countStoredVersions(), stored);
});

bucketTest("interrupted: bytes without a row are removed", standInOnly, async (bucket) => {
  const before = await standInOf().countStoredVersions();
  const stored = async () => await standInOf().countStoredVersions() - before;
  const transfer = (action: string, sourceKey: string, destinationKey: string) =>
    callJson("POST", `/object/${action}`, {
      json: { bucketId: bucket.id, sourceKey, destinationKey },
      headers: { "x-upsert": "true" },
    });
  await bucket.put("a");
  await bucket.put("a");
  assert.equal(await stored(), 1);
  await transfer("move", "a", "b");
  assert.equal(await stored(), 1);
  await transfer("copy", "b", "c");
  await transfer("copy", "b", "c");
  assert.equal(await stored(), 2);
  const refused = await call("POST", bucket.path("b"), { body: "x" });
  await refused.body?.cancel();
  await assertRefused(
    call("POST", "/object/move", {
      json: { bucketId: bucket.id, sourceKey: "b", destinationKey: "c" },
    }),
    { statusCode: "409" },
  );
  assert.equal(await stored(), 2);
  await callJson("DELETE", bucket.path("b"));
  assert.equal(await stored(), 1);
  await callJson("POST", `/bucket/${bucket.id}/empty`, { json: {} });
  assert.equal(await stored(), 0);
});
