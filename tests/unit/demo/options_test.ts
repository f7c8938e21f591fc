import assert from "node:assert/strict";
import { DemoError } from "../../../demo/errors.ts";
import { parseOptions } from "../../../demo/options.ts";

Deno.test("the command line is read", () => {
  assert.deepEqual(parseOptions([]), { kind: "run", files: undefined });
  assert.deepEqual(parseOptions(["--files", "a b"]), { kind: "run", files: "a b" });
  assert.deepEqual(parseOptions(["--files=x", "--help"]), { kind: "help" });
  assert.deepEqual(parseOptions(["-h"]), { kind: "help" });
});

for (const args of [["--file", "x"], ["--files"], ["--files="], ["folder"], ["--files", " "]]) {
  Deno.test(`a malformed command line is refused with a pointer to --help: ${JSON.stringify(args)}`, () => {
    assert.throws(() => parseOptions(args), (error) => {
      assert.ok(error instanceof DemoError);
      assert.equal(error.exitStatus, 2);
      assert.match(error.message, /deno task demo --help$/);
      return true;
    });
  });
}
