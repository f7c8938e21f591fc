import assert from "node:assert/strict";
import { Claims } from "../../soak/users/claims.ts";

Deno.test("nobody is at work where another is", () => {
  const claims = new Claims();
  assert.ok(claims.take("files/a", "files/b"));
  assert.ok(!claims.take("files/b", "files/c"));
  assert.ok(claims.take("files/c"), "of several places none is taken where one is not to be had");
  assert.ok(!claims.takeBucket("files"));
  claims.give("files/a", "files/b", "files/c");
  assert.ok(claims.takeBucket("files"));
  assert.ok(!claims.take("files/a"));
  assert.ok(claims.take("file/a"));
  claims.giveBucket("files");
  assert.ok(claims.take("files/a"));
});
