import assert from "node:assert/strict";
import { createObjectWriter } from "../../../../../supabase/functions/_holdfast/project/storage_writer.ts";
import type { Transport } from "../../../../../supabase/functions/_holdfast/lib/http/transport.ts";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import { TestClock } from "../../test_clock.ts";

const PROJECT = { url: "https://project.test", secretKey: "sb_secret_x" };
const BUCKET = { id: "b", public: false, file_size_limit: 5, allowed_mime_types: ["image/png"] };

const DUPLICATE = { statusCode: "409", error: "Duplicate", message: "The resource already exists" };

/** A transport with this fetch, whose waits take no time. */
const transport = (fetch: Transport["fetch"]): Transport => ({ fetch, clock: new TestClock() });

/** Creates the bucket with these responses, one for each attempt. Returns the outcome and the requests. */
async function create(...answers: (() => Response)[]) {
  const bodies: unknown[] = [];
  const writer = createObjectWriter(
    PROJECT,
    transport((_input, init) => {
      // A request for the list of buckets has no body.
      bodies.push(init?.body === undefined ? "list" : JSON.parse(String(init.body)));
      const answer = answers[bodies.length - 1];
      assert.ok(answer, "it was asked once too often");
      return Promise.resolve().then(answer);
    }),
  );
  return { outcome: await writer.createBucket(BUCKET).catch((error: unknown) => error), bodies };
}

const made = () => Response.json({ name: "b" });
const duplicate = () => Response.json(DUPLICATE, { status: 400 });
const forbidden = () => Response.json({ statusCode: "403", message: "no" }, { status: 400 });
const reset = () => {
  throw new TypeError("connection reset");
};

Deno.test("a bucket is created with its settings", async () => {
  const { outcome, bodies } = await create(made);
  assert.deepEqual(outcome, { kind: "done" });
  assert.deepEqual(bodies, [{ ...BUCKET, name: "b" }]);
});

Deno.test("an existing bucket is kept as it is", async () => {
  assert.deepEqual((await create(duplicate)).outcome, { kind: "exists" });
});

Deno.test("a request is retried after a cut connection and by a busy server", async () => {
  const busy = () => new Response("busy", { status: 503 });
  assert.deepEqual((await create(reset, busy, made)).outcome, { kind: "done" });
});

Deno.test("a success without Storage's own body is a failure", async () => {
  const empty = () => new Response("");
  const page = () => new Response("<html>Welcome</html>");
  assert.deepEqual((await create(empty, page, made)).outcome, { kind: "done" });
  const { outcome } = await create(empty, empty, empty, empty);
  assert.ok(outcome instanceof HoldfastError);
  assert.equal(outcome.code, "storage_unreachable");
});

Deno.test("a bucket found at the second attempt may come from the first, whose response was lost", async () => {
  assert.deepEqual((await create(reset, duplicate)).outcome, { kind: "unsure" });
});

Deno.test("a Storage without a response is not a refusal of the bucket", async () => {
  const { outcome } = await create(reset, reset, reset, reset);
  assert.ok(outcome instanceof HoldfastError);
  assert.equal(outcome.code, "storage_unreachable");
});

Deno.test("a 403 refuses the key if the key cannot list buckets either", async () => {
  const { outcome } = await create(forbidden, forbidden);
  assert.ok(outcome instanceof HoldfastError);
  assert.equal(outcome.code, "storage_key_refused");
});

Deno.test("a repeated 403 refuses the request if the key can list buckets", async () => {
  const list = () => Response.json([]);
  const twice = await create(forbidden, list, forbidden, list);
  assert.deepEqual(twice.outcome, { kind: "refused", message: "Storage answered 403: no" });
  const { outcome, bodies } = await create(forbidden, list, made);
  assert.deepEqual([outcome, bodies[1]], [{ kind: "done" }, "list"]);
});

Deno.test("supabase-js has a deadline and does not follow a redirect with the key", async () => {
  const sent: RequestInit[] = [];
  const writer = createObjectWriter(
    PROJECT,
    transport((_input, init) => {
      sent.push(init ?? {});
      return Promise.resolve(Response.redirect("https://other.example", 302));
    }),
  );
  await assert.rejects(writer.dropBucket("scratch"), { code: "storage_unreachable" });
  assert.deepEqual(sent.map(({ redirect }) => redirect), ["manual"]);
  assert.ok(sent.every(({ signal }) => signal));
});
