import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { madeObjects } from "../../demo/generated_objects.ts";

const DEMO = fileURLToPath(new URL("../../demo/main.ts", import.meta.url));

/** A user's files: names with spaces, names that Storage refuses, and an empty file. */
const FILES = {
  "a file.txt": "with a space",
  "nested/deep/page.html": "<h1>page</h1>",
  "nested/data.json": '{"data": [1, 2, 3]}',
  "nothing.md": "",
  "Übersicht/日本語.md": "# names that Storage refuses",
  "smörgås~.png": "no picture",
};

/** The result of a run of the demo. */
interface DemoRun {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
  /** Remaining files in its folder for temporary files. */
  readonly left: string[];
}

/** Runs the demo on a folder with these files. Its temporary files go to a separate folder. */
async function runDemo(
  files: Record<string, string>,
  args: (folder: string) => string[],
): Promise<DemoRun> {
  const folder = await Deno.makeTempDir({ prefix: "holdfast-demo-test-" });
  // PostgreSQL may run as another user, who needs access to the folder.
  await Deno.chmod(folder, 0o755);
  const [given, temporary] = [join(folder, "my files"), join(folder, "tmp")];
  await Deno.mkdir(given);
  await Deno.mkdir(temporary);
  await Deno.chmod(temporary, 0o755);
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(join(given, name, ".."), { recursive: true });
      await Deno.writeTextFile(join(given, name), text);
    }
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", DEMO, ...args(given)],
      env: { TMPDIR: temporary },
      stdin: "null",
    }).output();
    const left = await Array.fromAsync(Deno.readDir(temporary), (entry) => entry.name);
    const decoder = new TextDecoder();
    return { status: code, output: decoder.decode(stdout), errors: decoder.decode(stderr), left };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the demo restores and verifies every object of a folder and removes its files", async () => {
  const { status, output, errors, left } = await runDemo(FILES, (folder) => ["--files", folder]);
  assert.equal(errors, "");
  assert.equal(status, 0, output);
  // Of the changes, a copy and an upload each add one object, and a deletion removes one.
  const total = Object.keys(FILES).length + madeObjects().length + 1;
  const lines = output.trimEnd().split("\n");
  assert.equal(
    lines.at(-1),
    `restored ${total} of ${total} objects, ${total} verified, 0 failed`,
  );
  const words = output.replaceAll(/\s+/g, " ");
  assert.match(words, / 6 files below /);
  assert.match(words, / 2 files renamed: Storage refuses some characters /);
  assert.match(words, / read 3 objects and wrote 3; listed 5 anew and 2 as gone: exactly the /);
  assert.match(output, /^phase +objects +bytes +seconds +Storage requests +S3 requests$/m);
  // deno-lint-ignore no-control-regex -- it is control characters that there must be none of
  assert.doesNotMatch(output, /[\x00-\x09\x0b-\x1f\x7f]/);
  for (const line of lines) assert.ok(line.length <= 80, line);
  assert.deepEqual(left, []);
});

Deno.test("the demo refuses an empty folder and an invalid command line with status 2", async () => {
  const empty = await runDemo({}, (folder) => ["--files", folder]);
  assert.equal(empty.status, 2);
  assert.match(empty.errors, /^--files: .*my files has no file that the demo can use\.\n$/);
  const missing = await runDemo({}, (folder) => ["--files", join(folder, "not there")]);
  assert.equal(missing.status, 2);
  assert.match(missing.errors, /^--files: there is no folder .*not there\.\n$/);
  const wrong = await runDemo({}, () => ["--fils"]);
  assert.equal(wrong.status, 2);
  assert.match(wrong.errors, /--fils.*\nSee: deno task demo --help\n/);
  assert.equal(empty.output + missing.output + wrong.output, "");
});

Deno.test("the demo's help describes its options and exit status", async () => {
  const { status, output } = await runDemo({}, () => ["--help"]);
  assert.equal(status, 0);
  assert.match(output, /deno task demo \[--files DIR\]/);
  assert.match(output, /Exit status: 0/);
});
