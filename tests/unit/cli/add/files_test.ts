import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import fc from "fast-check";
import { AddError } from "../../../../cli/add/errors.ts";
import {
  hashText,
  readIfPresent,
  removeFile,
  replaceFile,
  sameBytes,
} from "../../../../cli/add/files.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function withFolder(test: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a hash is that of the text with LF line ends, without other normalization", () => {
  const text = fc.array(fc.constantFrom("a", "\r", "\n", "\r\n", "é"), { maxLength: 20 });
  fc.assert(fc.property(text, (parts) => {
    const joined = parts.join("");
    const expected = createHash("sha256").update(joined.replaceAll("\r\n", "\n")).digest("hex");
    assert.equal(hashText(bytes(joined)), expected);
  }));
  assert.notEqual(hashText(bytes("a\rb")), hashText(bytes("ab")));
});

Deno.test("equal bytes are the same, and a missing file equals only a missing file", () => {
  assert.ok(sameBytes(bytes("a"), bytes("a")));
  assert.ok(!sameBytes(bytes("a"), bytes("b")));
  assert.ok(!sameBytes(bytes("a"), bytes("ab")));
  assert.ok(sameBytes(undefined, undefined));
  assert.ok(!sameBytes(undefined, bytes("")));
});

Deno.test("a file is replaced atomically: mode and symbolic links are kept, no temporary file remains", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "a/b/file");
    await replaceFile(file, bytes("one"));
    await Deno.chmod(file, 0o640);
    const link = join(folder, "a/link");
    await Deno.symlink(file, link);
    await replaceFile(link, bytes("two"));
    assert.equal(await Deno.readTextFile(file), "two");
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o640);
    assert.ok((await Deno.lstat(link)).isSymlink);
    const left = await Array.fromAsync(Deno.readDir(join(folder, "a/b")));
    assert.deepEqual(left.map((entry) => entry.name), ["file"]);
  });
});

Deno.test("a failed write leaves the file unchanged and no temporary file", async () => {
  await withFolder(async (folder) => {
    const taken = join(folder, "taken");
    await Deno.mkdir(join(taken, "not empty"), { recursive: true });
    await assert.rejects(replaceFile(taken, bytes("x")));
    const left = await Array.fromAsync(Deno.readDir(folder));
    assert.deepEqual(left.map((entry) => entry.name), ["taken"]);
  });
});

Deno.test("removing a file removes its empty folders, but not the top folder or folders with files", async () => {
  await withFolder(async (folder) => {
    const top = join(folder, "functions");
    await replaceFile(join(top, "x/y/removed"), bytes(""));
    await replaceFile(join(top, "x/kept"), bytes(""));
    await removeFile(join(top, "x/y/removed"), top);
    const left = await Array.fromAsync(Deno.readDir(join(top, "x")));
    assert.deepEqual(left.map((entry) => entry.name), ["kept"]);
    await removeFile(join(top, "x/kept"), top);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(top)), []);
  });
});

Deno.test("a missing file reads as undefined; a path that is not a file is refused", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "file"), "x");
    assert.equal(await readIfPresent(join(folder, "none/at/all")), undefined);
    const isNotAFileError = (error: unknown) =>
      error instanceof AddError && error.code === "path_occupied";
    await assert.rejects(readIfPresent(folder), isNotAFileError);
    await assert.rejects(readIfPresent(join(folder, "file/below")), isNotAFileError);
  });
});
