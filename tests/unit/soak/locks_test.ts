import assert from "node:assert/strict";
import { Locks } from "../../soak/users/locks.ts";

Deno.test("a locked path or bucket cannot be locked again", () => {
  const locks = new Locks();
  assert.ok(locks.take("files/a", "files/b"));
  assert.ok(!locks.take("files/b", "files/c"));
  assert.ok(locks.take("files/c"), "of several places none is taken where one is not to be had");
  assert.ok(!locks.takeBucket("files"));
  locks.give("files/a", "files/b", "files/c");
  assert.ok(locks.takeBucket("files"));
  assert.ok(!locks.take("files/a"));
  assert.ok(locks.take("file/a"));
  locks.giveBucket("files");
  assert.ok(locks.take("files/a"));
});
