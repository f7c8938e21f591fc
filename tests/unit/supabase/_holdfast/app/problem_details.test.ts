import assert from "node:assert/strict";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import { problemResponse } from "../../../../../supabase/functions/_holdfast/app/problem_details.ts";

/** The response to an error, and the log lines. */
async function answer(error: unknown) {
  const logged: string[] = [];
  const log = console.error;
  console.error = (line: string) => void logged.push(line);
  try {
    const response = problemResponse(error);
    return { response, body: await response.json(), logged };
  } finally {
    console.error = log;
  }
}

Deno.test("an expected error states what happened, the remedy and every fault", async () => {
  const faults = [{ path: "dry_run", message: "must be true or false" }];
  const error = new HoldfastError("request_invalid", "dry_run: …", {
    faults,
    facts: { newest: [] },
  });
  const { response, body, logged } = await answer(error);
  assert.equal(response.status, 400);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.deepEqual(body, {
    type: "https://github.com/holdfast-backup/holdfast/blob/main/docs/ERRORS.md#request_invalid",
    title: "The request is not valid",
    status: 400,
    code: "request_invalid",
    detail: "dry_run: …",
    remedy: error.remedy,
    errors: faults,
    newest: [],
  });
  assert.deepEqual(logged, []);
});

Deno.test("facts do not replace the body's own fields", async () => {
  const facts = { status: 200, code: "fine", detail: "", title: "" };
  const { body } = await answer(new HoldfastError("run_unknown", "There is no run.", { facts }));
  assert.deepEqual([body.status, body.code, body.detail], [404, "run_unknown", "There is no run."]);
});

Deno.test("an unexpected error is logged in full and its message is not in the response", async () => {
  const { response, body, logged } = await answer(new TypeError("password is hunter2"));
  assert.equal(response.status, 500);
  assert.equal(body.code, "internal");
  assert.ok(!JSON.stringify(body).includes("hunter2"));
  const line = JSON.parse(logged.join(""));
  assert.deepEqual([line.level, line.code, line.message], [
    "error",
    "internal",
    "password is hunter2",
  ]);
  assert.match(line.stack, /problem_details\.test/);
});

Deno.test("a thrown value that is not an Error has a response, too", async () => {
  for (const thrown of [undefined, null, "text", { code: "key_refused" }]) {
    assert.equal((await answer(thrown)).body.code, "internal");
  }
});

Deno.test("a request with a refused key gets a WWW-Authenticate header", async () => {
  const { response } = await answer(new HoldfastError("key_refused", ""));
  assert.equal(response.headers.get("www-authenticate"), "Bearer");
});
