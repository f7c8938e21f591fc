import assert from "node:assert/strict";
import { join } from "node:path";
import { CONFIG, INSTALLED, NOW, REPOSITORY, Scene } from "./support.ts";

/** A project with years of migrations, some with times in the future, and unusual files. */
const OWN_MIGRATIONS = Object.fromEntries([
  ...Array.from({ length: 37 }, (_, index) => [
    `supabase/migrations/2023${String(index + 1).padStart(10, "0")}_change_${index}.sql`,
    `select ${index};\n`,
  ]),
  ["supabase/migrations/20270101000000_early_bird.sql", "select 'from the future';\r\n"],
  ["supabase/migrations/20261224180000_holiday.sql", "select 'é日';\n"],
  ["supabase/migrations/20240101_short.sql", "select 1;\n"],
  ["supabase/migrations/README.md", "Migrations.\n"],
  ["supabase/functions/hello/index.ts", "Deno.serve(() => new Response());\n"],
  ["supabase/functions/_shared/cors.ts", "export {};\n"],
  ["supabase/seed.sql", "select 2;\n"],
]);

Deno.test("an empty project gets exactly the shipped files", async () => {
  await using scene = await Scene.create();
  const { output } = await scene.install();
  const files = await scene.files();
  assert.deepEqual(Object.keys(files).sort(), ["config.toml", ...INSTALLED]);
  assert.equal(files["migrations/20261121115960_holdfast_schema.sql"], "create schema holdfast;\n");
  assert.ok(files["config.toml"]!.startsWith(CONFIG));
  for (const path of INSTALLED) assert.match(output, new RegExp(`^ {2}supabase/${path}$`, "m"));
  assert.match(output, /^\+\[functions\.holdfast-backup\]\n\+verify_jwt = false$/m);
  assert.match(output, /New files \(9\):/);
});

Deno.test("a project with 40 migrations keeps every byte; new migrations get later times", async () => {
  await using scene = await Scene.create(OWN_MIGRATIONS);
  const before = await scene.files();
  assert.equal(
    Object.keys(before).filter((path) => /^migrations\/[0-9].*sql$/.test(path)).length,
    40,
  );
  const { output } = await scene.install();
  const after = await scene.files();
  for (const [path, text] of Object.entries(before)) {
    if (path !== "config.toml") assert.equal(after[path], text, path);
  }
  const added = Object.keys(after).filter((path) => !(path in before)).sort();
  assert.deepEqual(added.filter((path) => path.startsWith("migrations/")), [
    "migrations/20270101000060_holdfast_schema.sql",
    "migrations/20270101000061_holdfast_runs.sql",
  ]);
  assert.match(output, /Note: 20270101000000_early_bird.sql has a time in the future/);

  const again = await scene.install();
  assert.match(again.output, /nothing to change/);
  assert.deepEqual(await scene.files(), after);
});

Deno.test("the supabase folder itself is accepted, and a path relative to the caller's folder", async () => {
  await using scene = await Scene.create();
  assert.equal((await scene.add(["my app/supabase", "--yes"])).status, 0);
  const files = await scene.files();
  assert.ok("holdfast.lock.json" in files);
  assert.match((await scene.add(["my app", "--yes"])).output, /nothing to change/);
});

Deno.test("--dry-run prints the same plan and writes nothing", async () => {
  await using scene = await Scene.create();
  const before = await scene.files();
  const shown = await scene.add([scene.project, "--dry-run"]);
  assert.equal(shown.status, 0);
  assert.match(shown.output, /Dry run: nothing was written/);
  assert.deepEqual(await scene.files(), before);
  const { output } = await scene.install();
  const plan = shown.output.split("Dry run")[0]!;
  assert.ok(output.startsWith(plan), "the written files match the plan");
});

Deno.test("on a terminal it asks: `no` writes nothing, and `yes` writes", async () => {
  await using scene = await Scene.create();
  const before = await scene.files();
  const declined = await scene.add([scene.project], { answer: () => false });
  assert.equal(declined.status, 1);
  assert.match(declined.errors, /Nothing was written/);
  assert.deepEqual(await scene.files(), before);
  assert.equal((await scene.add([scene.project], { answer: () => true })).status, 0);
  assert.ok("holdfast.lock.json" in await scene.files());
});

Deno.test("without a terminal it requires --yes", async () => {
  await using scene = await Scene.create();
  await scene.refused([scene.project], /no terminal[^]*--yes/, 2);
});

Deno.test("the output ends with the next commands", async () => {
  await using scene = await Scene.create();
  const { output } = await scene.install();
  const commands = [
    "supabase link",
    "supabase db push",
    "supabase secrets set",
    "--use-api",
    "schedule",
  ];
  let from = output.indexOf("Next,");
  for (const command of commands) {
    from = output.indexOf(command, from);
    assert.ok(from > 0, `${command} comes in its place`);
  }
});

Deno.test("config.toml with CR LF keeps its line endings, and the CLI reads the result", async () => {
  await using scene = await Scene.create({
    "supabase/config.toml": CONFIG.replaceAll("\n", "\r\n"),
  });
  await scene.install();
  const config = (await scene.files())["config.toml"]!;
  assert.ok(config.startsWith(CONFIG.replaceAll("\n", "\r\n")));
  assert.equal(config.replaceAll("\r\n", "").includes("\n"), false, "every line ends with CR LF");
  // The CLI reads all of config.toml without network or Docker. Its output is not checked.
  const { code, stderr } = await scene.supabase(["gen", "signing-key"]);
  assert.equal(code, 0, stderr);
});

Deno.test("the task itself installs this checkout", async () => {
  await using scene = await Scene.create();
  // A task passes on the INIT_CWD that it inherits from the task that runs the tests.
  const { INIT_CWD: _, ...env } = Deno.env.toObject();
  const task = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "--config", join(REPOSITORY, "deno.json"), "add", ...args],
      cwd: scene.workspace.path,
      clearEnv: true,
      env,
      stdin: "null",
    }).output();
  const done = await task("my app", "--yes");
  assert.equal(done.code, 0, new TextDecoder().decode(done.stderr));
  const files = await scene.files();
  assert.ok(
    Object.keys(files).some((path) => /^migrations\/\d{14}_holdfast_schema.sql$/.test(path)),
  );
  assert.ok("functions/holdfast-restore/index.ts" in files);
  const wrong = await task("--bogus");
  assert.equal(wrong.code, 2);
  assert.match(new TextDecoder().decode(wrong.stderr), /^error: Unknown option '--bogus'$/m);
});

Deno.test("two installations at different times record where each migration was written", async () => {
  await using scene = await Scene.create();
  await scene.install();
  const lock = JSON.parse((await scene.files())["holdfast.lock.json"]!);
  assert.equal(lock.version, "0.1.0");
  assert.equal(lock.migrations.holdfast_runs.time, "20261121115961");
  const later = await scene.add([scene.project, "--yes"], { now: new Date(NOW.getTime() + 9e9) });
  assert.match(later.output, /nothing to change/);
});
