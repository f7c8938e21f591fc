import assert from "node:assert/strict";
import { join } from "node:path";
import { CONFIG, Scene } from "./support.ts";

Deno.test("a path that is not a project is refused with the command to run", async () => {
  await using scene = await Scene.create();
  await Deno.mkdir(join(scene.workspace.path, "empty/supabase"), { recursive: true });
  await scene.refused(["nowhere", "--yes"], /nowhere does not exist/);
  await scene.refused(["empty", "--yes"], /no supabase\/config\.toml[^]*npx supabase init/);
  await scene.refused(["empty/supabase", "--yes"], /npx supabase init/);
  await scene.refused(["my app/supabase/config.toml", "--yes"], /config\.toml is a file/);
  await scene.refused(["my app/supabase/config.toml/x", "--yes"], /does not exist/);
  await scene.refused(["checkout", "--yes"], /is this checkout of Holdfast/);
  await scene.refused(["checkout/supabase", "--yes"], /is this checkout of Holdfast/);
  await scene.refused([], /path of a Supabase project is missing/, 2);
});

Deno.test("a file in the location of a folder, or the reverse, is named", async () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ "supabase/functions": "x" }, /functions\/_holdfast\/.* one of its folders is a file/],
    [{ "supabase/functions/holdfast-api": "x" }, /holdfast-api\/.* one of its folders is a file/],
    [{ "supabase/migrations": "x" }, /migrations is a file, and a folder belongs there/],
    [{ "supabase/holdfast.lock.json/x": "" }, /holdfast.lock.json is a folder/],
    [{ "supabase/functions/holdfast-api/index.ts/x": "" }, /index.ts is a folder/],
  ];
  for (const [files, message] of cases) {
    await using scene = await Scene.create(files);
    await scene.refused([scene.project, "--yes"], message);
  }
  await using scene = await Scene.create();
  await scene.change({ "config.toml": null });
  await scene.change({ "config.toml/x": "" });
  await scene.refused([scene.project, "--yes"], /config.toml is a folder/);
});

Deno.test("an invalid config.toml is refused with the location of the error", async () => {
  await using scene = await Scene.create({ "supabase/config.toml": `${CONFIG}[functions\n` });
  await scene.refused([scene.project, "--yes"], /cannot be read as TOML[^]*\[functions/);
});

Deno.test("a section with verify_jwt = true is shown and refused", async () => {
  const own = "\n[functions.holdfast-backup]\nverify_jwt = true # for now\n";
  await using scene = await Scene.create({ "supabase/config.toml": CONFIG + own });
  await scene.refused([scene.project, "--yes"], /line 9: verify_jwt = true, must be false/);
  await scene.change({ "config.toml": CONFIG + own.replace("true", "false") });
  await scene.install();
  const config = (await scene.files())["config.toml"]!;
  assert.ok(config.startsWith(CONFIG + own.replace("true", "false")));
  assert.equal(config.match(/functions\.holdfast-backup/g)?.length, 1);
});

Deno.test("an invalid lock file, or one of a newer Holdfast, is refused", async () => {
  await using scene = await Scene.create({ "supabase/holdfast.lock.json": "<<<<<<< ours\n" });
  await scene.refused([scene.project, "--yes"], /no lock file of Holdfast[^]*version control/);
  await scene.change({ "holdfast.lock.json": '{"format": 7}' });
  await scene.refused([scene.project, "--yes"], /newer Holdfast[^]*git pull/);
});

Deno.test("a user's migration with the name of one of Holdfast's is not treated as Holdfast's", async () => {
  await using scene = await Scene.create({
    "supabase/migrations/20200101000000_holdfast_runs.sql": "select 'mine';\n",
  });
  await scene.refused([scene.project, "--yes"], /20200101000000_holdfast_runs.sql has the name/);
});

Deno.test("an incomplete checkout is refused and the missing file is named", async () => {
  await using scene = await Scene.create();
  await scene.release({ migrations: null });
  await scene.refused([scene.project, "--yes"], /no complete checkout[^]*Clone it again/);
});

Deno.test("unreadable files are named", async () => {
  await using scene = await Scene.create();
  const config = join(scene.project, "supabase/config.toml");
  await Deno.remove(config);
  await Deno.symlink(config, config);
  const { status, errors } = await scene.add([scene.project, "--yes"]);
  assert.equal(status, 1);
  assert.match(errors, /config.toml cannot be read: /);
});
