import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import { requireKey, type Scope } from "../../../../../supabase/functions/_holdfast/app/keys.ts";
import { problemResponse } from "../../../../../supabase/functions/_holdfast/app/problem_details.ts";
import type { Database } from "../../../../../supabase/functions/_holdfast/lib/database.ts";

const ID = "0123456789ab";
const KEY = `hf_operate_${ID}_${"c".repeat(64)}`;

/** A database that knows KEY and records its calls. */
class KeyTable implements Database {
  readonly asked: unknown[] = [];

  call<Result>(name: string, parameters: Record<string, unknown>): Promise<Result> {
    assert.equal(name, "find_key");
    this.asked.push(parameters["id"]);
    const digest = createHash("sha256").update(KEY).digest("hex");
    const row = { scope: "operate", name: "ci", digest };
    return Promise.resolve((parameters["id"] === ID ? row : null) as Result);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The refusal's code and body, or the caller's name. */
async function ask(headers: HeadersInit, scope: Scope = "operate", table = new KeyTable()) {
  try {
    return (await requireKey(new Headers(headers), scope, table)).name;
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    return { code: error.code, body: await problemResponse(error).text() };
  }
}

async function codeOf(headers: HeadersInit, scope?: Scope, table?: KeyTable): Promise<string> {
  const answer = await ask(headers, scope, table);
  return typeof answer === "string" ? answer : answer.code;
}

Deno.test("a live key is accepted as apikey and as Bearer", async () => {
  assert.equal(await ask({ apikey: KEY }), "ci");
  assert.equal(await ask({ authorization: `Bearer ${KEY}` }), "ci");
  assert.equal(await ask({ authorization: `bearer  ${KEY}` }), "ci");
});

Deno.test("the project's own key in the other header is ignored", async () => {
  const own = "sb_publishable_1";
  assert.equal(await ask({ apikey: own, authorization: `Bearer ${KEY}` }), "ci");
  assert.equal(await ask({ apikey: KEY, authorization: `Bearer ${own}` }), "ci");
});

const MALFORMED = [
  "",
  "hf_",
  ID,
  KEY.toUpperCase(),
  KEY.slice(0, -1),
  `${KEY}0`,
  `x${KEY}`,
  KEY.replace("operate", "admin"),
  KEY.replace("operate", ""),
  KEY.replace(ID, "0123456789a"),
  KEY.replace(ID, "0123456789aG"),
  KEY.replace(ID, "' or 1=1 -- "),
  `${KEY}, ${KEY}`,
  `hf_operate_${ID}_${"g".repeat(64)}`,
];
for (const key of MALFORMED) {
  Deno.test(`refused before a query to the database: ${key}`, async () => {
    const table = new KeyTable();
    assert.equal(await codeOf({ apikey: key }, "operate", table), "key_refused");
    assert.equal(await codeOf({ authorization: `Bearer ${key}` }, "operate", table), "key_refused");
    assert.deepEqual(table.asked, []);
  });
}

Deno.test("every malformed key is refused before a query to the database", async () => {
  const part = fc.oneof(
    fc.string({ unit: "grapheme-ascii" }),
    fc.constantFrom("hf_", "operate", "_", ID, "c".repeat(64), KEY, KEY.slice(0, 40)),
  );
  const key = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""))
    .filter((text) => text.trim() !== KEY);
  await fc.assert(
    fc.asyncProperty(key, async (text) => {
      const table = new KeyTable();
      const wellFormed = /^hf_(worker|read|operate|restore)_[0-9a-f]{12}_[0-9a-f]{64}$/.test(
        text.trim(),
      );
      assert.equal(await codeOf({ apikey: text }, "operate", table), "key_refused");
      assert.equal(table.asked.length, wellFormed ? 1 : 0);
    }),
    { numRuns: 500 },
  );
});

Deno.test("an unknown key and a key with a wrong secret are refused", async () => {
  assert.equal(await codeOf({ apikey: KEY.replace(ID, "ffffffffffff") }), "key_refused");
  assert.equal(await codeOf({ apikey: `${KEY.slice(0, -1)}d` }), "key_refused");
  // The digest is over the complete key, including the scope.
  assert.equal(
    await codeOf({ apikey: KEY.replace("operate", "restore") }, "restore"),
    "key_refused",
  );
});

Deno.test("a key is accepted only by routes of its own scope", async () => {
  for (const scope of ["worker", "read", "restore"] as const) {
    assert.equal(await codeOf({ apikey: KEY }, scope), "scope_refused");
  }
});

Deno.test("every refusal has the same body, for all reasons", async () => {
  const refusals = await Promise.all([
    {},
    { apikey: "sb_secret_1" },
    { apikey: "hf_nonsense" },
    { apikey: KEY.replace(ID, "ffffffffffff") },
    { apikey: `${KEY.slice(0, -1)}d` },
    { authorization: `Basic ${KEY}` },
  ].map((headers) => ask(headers as Record<string, string>)));
  const bodies = new Set(
    refusals.map((answer) => typeof answer === "string" ? answer : answer.body),
  );
  assert.equal(bodies.size, 1);
  assert.ok(![...bodies].join("").includes("hf_operate_"));
});
