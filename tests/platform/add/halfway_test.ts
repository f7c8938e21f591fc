import assert from "node:assert/strict";
import { join } from "node:path";
import { fileWriter, type Writer } from "../../../cli/add/apply.ts";
import { NOW, Scene, type Tree } from "./support.ts";

/** Performs the first `count` writes, then fails as a full disk does. */
function failingAfter(writes: number): Writer {
  let left = writes;
  const failOr =
    <Args extends unknown[]>(write: (...args: Args) => Promise<void>) => (...args: Args) => {
      if (left-- > 0) return write(...args);
      throw new Error("No space left on device (os error 28)");
    };
  return { replace: failOr(fileWriter.replace), remove: failOr(fileWriter.remove) };
}

/** The files without their times, which depend on when each file was written. */
function timeless(tree: Tree): Tree {
  const entries = Object.entries(tree).map(([path, text]) =>
    [path, text].map((part) => part.replace(/\b20[23]\d{11}/g, "TIME"))
  );
  return Object.fromEntries(entries);
}

const RELEASE = {
  "functions/_holdfast/config/version.ts": 'export const VERSION = "0.2.0";\n',
  "functions/_holdfast/engine": null,
  "functions/_holdfast/slice.ts": 'export const slice = "two";\n',
  "migrations/20260202000000_holdfast_more.sql": "create table holdfast.more ();\n",
  "migrations/20260202000001_holdfast_and_more.sql": "create table holdfast.and_more ();\n",
};

Deno.test("after a failure at any write, the same command completes the installation", async () => {
  for (const upgrade of [false, true]) {
    await using whole = await Scene.create();
    await whole.install();
    if (upgrade) await whole.release(RELEASE);
    await whole.install();
    const wanted = timeless(await whole.files());

    let failures = 0;
    for (let writes = 0;; writes++) {
      await using scene = await Scene.create();
      if (upgrade) {
        await scene.install();
        await scene.release(RELEASE);
      }
      const cut = await scene.add([scene.project, "--yes"], { writer: failingAfter(writes) });
      if (cut.status === 0) break;
      failures++;
      assert.match(cut.errors, /could not be written: No space left on device\.\n.*same command/);
      // A teammate may add a migration meanwhile.
      const later = new Date(NOW.getTime() + 3600_000);
      const completed = await scene.add([scene.project, "--yes"], { now: later });
      assert.equal(completed.status, 0, completed.errors);
      const files = await scene.files();
      assert.deepEqual(timeless(files), wanted, `after ${writes} writes`);
      const order = Object.keys(files).filter((path) => /_holdfast_/.test(path)).sort();
      const names = order.map((path) => path.replace(/.*_holdfast_/, "").replace(".sql", ""));
      assert.deepEqual(names.slice(0, 2), ["schema", "runs"]);
      assert.deepEqual(names.slice(2), upgrade ? ["more", "and_more"] : []);
    }
    assert.ok(failures >= (upgrade ? 6 : 10), `${failures} places to fail at`);
  }
});

Deno.test("a file that changes during the user's confirmation is not overwritten", async () => {
  await using scene = await Scene.create();
  const config = join(scene.project, "supabase/config.toml");
  const theirs = 'project_id = "changed meanwhile"\n';
  const before = await scene.files();
  const writer: Writer = {
    replace: () => Promise.reject(new Error("must not be called")),
    remove: () => Promise.reject(new Error("must not be called")),
  };
  const result = await scene.add([scene.project], {
    answer: () => {
      Deno.writeTextFileSync(config, theirs);
      return true;
    },
    writer,
  });
  assert.equal(result.status, 1);
  assert.match(result.errors, /config.toml changed since it was shown\. Nothing was written/);
  assert.deepEqual(await scene.files(), { ...before, "config.toml": theirs });
});
