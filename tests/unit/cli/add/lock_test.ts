import assert from "node:assert/strict";
import fc from "fast-check";
import { AddError } from "../../../../cli/add/errors.ts";
import { formatLock, type Lock, parseLock } from "../../../../cli/add/lock.ts";

const SHA256 = "0".repeat(64);

const valid = (): Lock => ({
  version: "0.1.0",
  migrations: { holdfast_schema: { time: "20261121000000", sha256: SHA256 } },
  files: { "functions/holdfast-backup/index.ts": SHA256 },
});

const parseRefusal = (text: string, code: string, message = /./) =>
  assert.throws(
    () => parseLock(text),
    (error) => error instanceof AddError && error.code === code && message.test(error.message),
    text,
  );

Deno.test("a lock file is read as it was written, and written sorted", () => {
  const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);
  const migrations = fc.dictionary(
    fc.stringMatching(/^holdfast_[a-z0-9_]{1,20}$/),
    fc.record({ time: fc.stringMatching(/^[0-9]{14}$/), sha256 }, { noNullPrototype: true }),
    { noNullPrototype: true },
  );
  const path = fc.stringMatching(
    /^functions\/(_holdfast|holdfast-[a-z]{1,9})(\/[a-z_]{1,9}){1,3}\.ts$/,
  );
  const files = fc.dictionary(path, sha256, { noNullPrototype: true });
  fc.assert(fc.property(migrations, files, (migrations, files) => {
    const lock: Lock = { version: "0.1.0", migrations, files };
    const text = formatLock(lock);
    assert.deepEqual(parseLock(text), lock);
    const paths = Object.keys(JSON.parse(text).files);
    assert.deepEqual(paths, paths.toSorted());
  }));
});

Deno.test("a malformed lock file is refused with every fault and the remedy", () => {
  parseRefusal("<<<<<<< HEAD\n{", "lock_malformed", /Restore it from version control/);
  parseRefusal("null", "lock_malformed");
  parseRefusal("[]", "lock_malformed");
  const faulty = { format: 1, version: "", migrations: { x: 1 }, files: 2, extra: 3 };
  parseRefusal(
    JSON.stringify(faulty),
    "lock_malformed",
    /version: [^]*migrations[^]*files: [^]*extra/,
  );
});

Deno.test("a lock file of a later format is refused with the advice to update", () => {
  parseRefusal(JSON.stringify({ format: 2 }), "lock_newer", /git pull/);
});

Deno.test("a path outside Holdfast's folders is refused: an upgrade could remove that file", () => {
  const paths = [
    "config.toml",
    "functions/mine/index.ts",
    "functions/holdfast-backup",
    "functions/_holdfast/../mine/index.ts",
    "functions/_holdfast/./a.ts",
    "functions/_holdfast/a/..",
    "functions/_holdfast//a.ts",
    "functions/_holdfast/a\\..\\..\\..\\b.ts",
    "functions/_holdfast/a\0b",
    "/functions/_holdfast/a.ts",
    "../functions/_holdfast/a.ts",
  ];
  for (const path of paths) {
    const lock = { format: 1, ...valid(), files: { [path]: SHA256 } };
    parseRefusal(JSON.stringify(lock), "lock_malformed");
  }
  assert.deepEqual(parseLock(JSON.stringify({ format: 1, ...valid() })), valid());
});
