import assert from "node:assert/strict";
import { respondWithFault } from "../../simulation/fault_catalogue/http_faults.ts";
import type { ServerFault } from "../../simulation/fault_catalogue/names.ts";
import type { Kind } from "../../simulation/proxy/request_kinds.ts";
import { VirtualClock } from "../../simulation/environment/virtual_clock.ts";

const URL_OF_OBJECT = "http://project.test/storage/v1/object/authenticated/a/b";

/** The response under a fault, given the correct one; `missed`: there was nothing to corrupt. */
function under(
  fault: ServerFault,
  right: () => Response,
  init: RequestInit = {},
  { kind = "s3 GET", step = 1 }: { readonly kind?: Kind; readonly step?: number } = {},
) {
  const clock = new VirtualClock();
  const signal = clock.timeout(1_000);
  let notApplied = false;
  const answer = () =>
    respondWithFault(fault, {
      party: "s3",
      kind,
      step,
      request: new Request(URL_OF_OBJECT, { redirect: "manual", ...init }),
      signal,
      clock,
      send: () => Promise.resolve(right()),
      follow: () => Promise.resolve(new Response("redirected")),
      notApplied: () => void (notApplied = true),
    });
  return { answer, clock, notApplied: () => notApplied };
}

const object = () => new Response("the bytes", { headers: { etag: '"e"', "content-length": "9" } });

Deno.test("a busy server may send Retry-After", async () => {
  for (const [fault, asks] of [["status_429", false], ["status_503_wait", true]] as const) {
    const response = await under(fault, object).answer();
    assert.equal(response.headers.has("retry-after"), asks, fault);
  }
});

Deno.test("a redirect is followed only if the request asks for it", async () => {
  const statuses = await Promise.all(
    [1, 2, 3, 4].map(async (step) =>
      (await under("redirect", object, {}, { step }).answer()).status
    ),
  );
  assert.deepEqual(statuses.sort(), [302, 303, 307, 308]);
  const follows = under("redirect", object, { redirect: "follow" });
  assert.equal(await (await follows.answer()).text(), "redirected");
});

Deno.test("a stale body has the right length and a cache's headers", async () => {
  const response = await under("stale_body", object).answer();
  assert.equal(response.headers.get("cf-cache-status"), "HIT");
  assert.notEqual(response.headers.get("etag"), '"e"');
  const text = await response.text();
  assert.equal(text.length, "the bytes".length);
  assert.notEqual(text, "the bytes");
});

Deno.test("a stale listing lacks its last key, and an empty one cannot be stale", async () => {
  const listing = "<L><Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents></L>";
  const stale = under("stale_list", () => new Response(listing));
  assert.equal(await (await stale.answer()).text(), "<L><Contents><Key>a</Key></Contents></L>");
  const empty = under("stale_list", () => new Response("<L></L>"));
  assert.equal(await (await empty.answer()).text(), "<L></L>");
  assert.ok(empty.notApplied());
});

Deno.test("an object gets another flipped bit each time, a part of one none", async () => {
  const [one, other] = [1, 2].map((step) =>
    under("flipped_answer", object, {}, { kind: "storage GET", step })
  );
  const texts = await Promise.all([one!, other!].map(async (it) => (await it.answer()).text()));
  assert.equal(new Set(["the bytes", ...texts]).size, 3);
  const headers = { range: "bytes=0-8" };
  const part = under("flipped_answer", object, { headers }, { kind: "storage GET" });
  assert.equal(await (await part.answer()).text(), "the bytes");
  assert.ok(part.notApplied());
});

Deno.test("a slow body ends when the request times out, which takes no time", async () => {
  const { answer, clock } = under("slow_drip", object);
  const response = await answer();
  await assert.rejects(response.text(), { name: "TimeoutError" });
  assert.equal(clock.now(), 1_000);
  const none = under("slow_drip", () => new Response(null, { status: 204 }));
  await assert.rejects(none.answer(), { name: "TimeoutError" });
});

Deno.test("a wait that nothing would end is counted", async () => {
  const clock = new VirtualClock();
  await clock.passUntil(undefined, () => false);
  assert.equal(clock.endless, 1);
});

Deno.test("waits take no time, but advance the clock", async () => {
  const clock = new VirtualClock();
  let rang = false;
  clock.after(500, () => void (rang = true));
  await clock.delay(3_600_000);
  assert.equal(clock.now(), 3_600_000);
  assert.ok(!rang, "a deadline comes only where something waits for it");
});
