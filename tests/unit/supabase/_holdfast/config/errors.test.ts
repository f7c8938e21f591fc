import assert from "node:assert/strict";
import {
  ERRORS,
  HoldfastError,
  isErrorCode,
} from "../../../../../supabase/functions/_holdfast/config/errors.ts";

Deno.test("every code is in snake_case and has an error status and texts", () => {
  for (const [code, { status, title, remedy }] of Object.entries(ERRORS)) {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    assert.ok(status >= 400 && status < 600, code);
    assert.match(title, /^\S.*[^.]$/, `the title of ${code} is no sentence`);
    assert.match(remedy, /[.]$/, `the remedy of ${code} is a sentence`);
  }
});

Deno.test("only codes of the catalogue are error codes", () => {
  assert.equal(isErrorCode("key_refused"), true);
  for (const text of ["", "constructor", "__proto__", "toString", "KEY_REFUSED"]) {
    assert.equal(isErrorCode(text), false, text);
  }
});

Deno.test("an error has the catalogue's remedy unless it states its own", () => {
  const plain = new HoldfastError("run_unknown", "There is no run 1.");
  assert.equal(plain.remedy, ERRORS.run_unknown.remedy);
  assert.deepEqual([plain.faults, plain.facts], [[], {}]);
  assert.equal(new HoldfastError("run_unknown", "", { remedy: "Look." }).remedy, "Look.");
});
