import assert from "node:assert/strict";
import { Scene } from "./support.ts";

const SLICE = "functions/_holdfast/engine/slice.ts";

/** Version 0.2.0: one file added, one removed, one changed, and one migration added. */
const RELEASE = {
  "functions/_holdfast/config/version.ts": 'export const VERSION = "0.2.0";\n',
  "functions/_holdfast/engine": null,
  "functions/_holdfast/slice.ts": 'export const slice = "two";\n',
  "functions/holdfast-api/index.ts": 'import "../_holdfast/slice.ts";\n',
  "migrations/20260202000000_holdfast_more.sql": "create table holdfast.more ();\n",
};

Deno.test("an upgrade changes files in place, removes obsolete files and adds the new migration", async () => {
  await using scene = await Scene.create();
  await scene.install();
  await scene.change({ "migrations/20300101000000_theirs.sql": "select 1;\n" });
  const before = await scene.files();
  await scene.release(RELEASE);
  const { output } = await scene.install();
  const after = await scene.files();
  assert.ok(!(SLICE in after));
  assert.equal(after["functions/_holdfast/slice.ts"], 'export const slice = "two";\n');
  assert.ok("migrations/20300101000060_holdfast_more.sql" in after);
  for (const [path, text] of Object.entries(before)) {
    if (path.startsWith("migrations/") || path === "config.toml") assert.equal(after[path], text);
  }
  assert.match(output, /Removed files of Holdfast \(1\):\n {2}supabase\/.*slice.ts\n/);
  assert.match(output, /Updated files of Holdfast \(3\):/);
  assert.equal(JSON.parse(after["holdfast.lock.json"]!).version, "0.2.0");
  assert.match((await scene.install()).output, /nothing to change/);
});

Deno.test("an edited file is shown and kept; --force replaces it", async () => {
  await using scene = await Scene.create();
  await scene.install();
  await scene.change({ "functions/holdfast-api/index.ts": "// mine\n" });
  const same = await scene.install();
  assert.match(same.output, /Note: functions\/holdfast-api\/index.ts was edited/);
  await scene.release(RELEASE);
  const refused = await scene.refused(
    [scene.project, "--yes"],
    /supabase\/functions\/holdfast-api\/index.ts/,
  );
  assert.match(refused.output, /^-\/\/ mine\n\+import "\.\.\/_holdfast\/slice\.ts";$/m);
  await scene.install("--force");
  const files = await scene.files();
  assert.equal(
    files["functions/holdfast-api/index.ts"],
    'import "../_holdfast/slice.ts";\n',
  );
  assert.match((await scene.install()).output, /nothing to change/);
});

Deno.test("an edited file that no longer ships is not removed without --force", async () => {
  await using scene = await Scene.create();
  await scene.install();
  await scene.change({ [SLICE]: "// mine\n" });
  await scene.release(RELEASE);
  const refused = await scene.refused([scene.project, "--yes"], /engine\/slice.ts/);
  assert.match(refused.output, /^-\/\/ mine$/m);
  await scene.install("--force");
  assert.ok(!(SLICE in await scene.files()));
});

Deno.test("a user's own file in Holdfast's folder is kept", async () => {
  await using scene = await Scene.create();
  await scene.install();
  await scene.change({ "functions/_holdfast/engine/mine.ts": "// mine\n" });
  await scene.release(RELEASE);
  await scene.install();
  assert.equal((await scene.files())["functions/_holdfast/engine/mine.ts"], "// mine\n");
});

Deno.test("line endings that git converted do not count as an edit", async () => {
  await using scene = await Scene.create();
  await scene.install();
  for (const [path, text] of Object.entries(await scene.files())) {
    await scene.change({ [path]: text.replaceAll("\n", "\r\n") });
  }
  const { output } = await scene.install();
  assert.match(output, /nothing to change/);
  await scene.release(RELEASE);
  await scene.install();
});

Deno.test("without the lock file, copied files are recognised by their content", async () => {
  await using scene = await Scene.create();
  await scene.install();
  const before = await scene.files();
  await scene.change({ "holdfast.lock.json": null });
  const { output } = await scene.install();
  assert.match(output, /New files \(1\):\n {2}supabase\/holdfast.lock.json\n/);
  assert.deepEqual(await scene.files(), before);
});

Deno.test("a user's function file with the name of one of Holdfast's is not overwritten", async () => {
  await using scene = await Scene.create({
    "supabase/functions/holdfast-api/index.ts": "// a function of mine\n",
  });
  const { output } = await scene.refused(
    [scene.project, "--yes"],
    /not as it left them[^]*--force/,
  );
  assert.match(output, /^-\/\/ a function of mine$/m);
});

Deno.test("a change of a shipped migration after its installation is refused", async () => {
  await using scene = await Scene.create();
  await scene.install();
  await scene.release({
    ...RELEASE,
    "migrations/20260101000000_holdfast_schema.sql": "create schema holdfast; -- better\n",
  });
  await scene.refused([scene.project, "--yes", "--force"], /holdfast_schema[^]*sha256 differs/);
});

Deno.test("an older checkout does not downgrade a project", async () => {
  await using scene = await Scene.create();
  await scene.release(RELEASE);
  await scene.install();
  await scene.release({ "migrations/20260202000000_holdfast_more.sql": null });
  await scene.refused([scene.project, "--yes"], /older than what is installed[^]*git pull/);
  await scene.release({
    ...{ "migrations/20260202000000_holdfast_more.sql": "create table holdfast.more ();\n" },
    "functions/_holdfast/config/version.ts": 'export const VERSION = "0.1.9";\n',
  });
  await scene.refused([scene.project, "--yes"], /is Holdfast 0\.1\.9, and 0\.2\.0 is installed/);
});
