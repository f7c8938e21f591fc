import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { connectStack } from "../../../stack/client.ts";
import { REPOSITORY, Scene, writeTree } from "./support.ts";

const PROJECT_REF = "abcdefghijklmnopqrst";

/** The upload of `functions deploy` for one function. */
interface Upload {
  metadata: Record<string, unknown>;
  /** Paths below the folder that holds `supabase`. */
  files: string[];
}

/** A fake of Supabase's Management API with the routes that deploy and secrets use. */
function startManagementApi() {
  const uploads = new Map<string, Upload>();
  const secrets: Record<string, string> = {};
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "POST" && pathname.endsWith("/functions/deploy")) {
      const form = await request.formData();
      const slug = searchParams.get("slug")!;
      const files = form.getAll("file").map((file) => (file as File).name).sort();
      uploads.set(slug, { metadata: JSON.parse(form.get("metadata") as string), files });
      const time = Date.now();
      const answer = { id: slug, slug, name: slug, status: "ACTIVE", version: 1 };
      return Response.json({ ...answer, created_at: time, updated_at: time }, { status: 201 });
    }
    if (request.method === "POST" && pathname.endsWith("/secrets")) {
      for (const { name, value } of await request.json()) secrets[name] = value;
      return new Response(null, { status: 201 });
    }
    await request.body?.cancel();
    return Response.json(request.method === "GET" && pathname.endsWith("/functions") ? [] : {});
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { url, uploads, secrets, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** The local modules that a function's entry point imports, below `root`. */
async function localModules(root: string, entry: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", "--node-modules-dir=none", join(root, entry)],
    cwd: root,
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string }[];
  };
  const prefix = pathToFileURL(`${root}/`).href;
  return modules.map((module) => module.specifier)
    .filter((specifier) => specifier.startsWith(prefix))
    .map((specifier) => decodeURIComponent(specifier.slice(prefix.length)));
}

Deno.test("the CLI deploys the installed functions with every module, deno.json and no JWT check", async () => {
  await using scene = await Scene.create();
  await using api = startManagementApi();
  const { status, errors } = await scene.add([scene.project, "--yes"], { checkout: REPOSITORY });
  assert.equal(status, 0, errors);
  const profile =
    `name: test\napi_url: ${api.url}\ndashboard_url: ${api.url}\nproject_host: localhost\n`;
  await writeTree(scene.home, {
    "profile.yaml": profile,
    "holdfast.env": "HOLDFAST_S3_BUCKET=backups\nHOLDFAST_S3_PREFIX=my-app\n",
  });
  const run = (...args: string[]) =>
    scene.supabase(
      ["--profile", join(scene.home, "profile.yaml"), ...args, "--project-ref", PROJECT_REF],
      { SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}` },
    );

  const set = await run("secrets", "set", "--env-file", join(scene.home, "holdfast.env"));
  assert.equal(set.code, 0, set.stderr);
  assert.deepEqual(api.secrets, { HOLDFAST_S3_BUCKET: "backups", HOLDFAST_S3_PREFIX: "my-app" });

  const names = ["holdfast-backup", "holdfast-restore", "holdfast-api"];
  const deployed = await run("functions", "deploy", "--use-api", ...names);
  assert.equal(deployed.code, 0, deployed.stderr);
  assert.deepEqual([...api.uploads.keys()].sort(), names.toSorted());
  for (const [name, { metadata, files }] of api.uploads) {
    assert.equal(metadata.verify_jwt, false);
    assert.equal(metadata.entrypoint_path, `supabase/functions/${name}/index.ts`);
    assert.equal(metadata.import_map_path, `supabase/functions/${name}/deno.json`);
    const reached = await localModules(scene.project, `supabase/functions/${name}/index.ts`);
    assert.ok(reached.length > 1);
    const wanted = [...reached, `supabase/functions/${name}/deno.json`].sort();
    assert.deepEqual(files, wanted, `${name}: what it imports and nothing else`);
  }
});

Deno.test("without names the CLI deploys the same three functions, and not the shared module", async () => {
  await using scene = await Scene.create();
  await using api = startManagementApi();
  await scene.add([scene.project, "--yes"], { checkout: REPOSITORY });
  await writeTree(scene.home, {
    "profile.yaml":
      `name: test\napi_url: ${api.url}\ndashboard_url: ${api.url}\nproject_host: localhost\n`,
  });
  const { code, stderr } = await scene.supabase(
    [
      "--profile",
      join(scene.home, "profile.yaml"),
      "functions",
      "deploy",
      "--use-api",
      "--project-ref",
      PROJECT_REF,
    ],
    { SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}` },
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual([...api.uploads.keys()].sort(), [
    "holdfast-api",
    "holdfast-backup",
    "holdfast-restore",
  ]);
});

Deno.test("an installed copy starts and refuses requests without a key", async () => {
  await using scene = await Scene.create();
  await scene.add([scene.project, "--yes"], { checkout: REPOSITORY });
  await using stack = await connectStack();
  await using project = await stack.createProject({ directory: join(scene.project, "supabase") });
  for (const path of ["holdfast-api/runs", "holdfast-backup/runs/x", "holdfast-restore/runs/x"]) {
    const response = await project.callFunction(path);
    await response.body?.cancel();
    assert.equal(response.status, 401, path);
  }
});
