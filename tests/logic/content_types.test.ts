import assert from "node:assert/strict";
import { signJwt } from "../../stack/edge/jwt.ts";
import { createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";

Deno.test("the content type is the row's, although Storage serves text/html as text/plain", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "site");
  await upload(project, "site", "index.html", "<h1>Hi</h1>", { type: "text/html;charset=utf-8" });
  const { entries } = await assertHolds(project, await project.backupSnapshot());
  assert.equal(entries.get("site/index.html")!.type, "text/html;charset=utf-8");
});

Deno.test("every body type of supabase-js is backed up as it was sent", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  const files = project.storage.from("files");
  const form = new FormData();
  form.append("file", new File(["in a form"], "ignored.txt", { type: "text/plain" }));
  await ok(files.upload("blob", new Blob(["a blob"], { type: "image/png" })));
  await ok(files.upload("file", new File(["a file"], "other name", { type: "text/csv" })));
  await ok(files.upload("text", "some text"));
  await ok(files.upload("array", new Uint8Array([1, 2, 3]).buffer));
  await ok(files.upload("form", form));
  await ok(files.upload("stream", new Blob(["a stream"]).stream(), { duplex: "half" }));
  const { entries } = await assertHolds(project, await project.backupSnapshot());
  const form_entry = entries.get("files/form")!;
  assert.equal(
    new TextDecoder().decode(await project.reader.bytes(form_entry)),
    "in a form",
  );
  assert.equal(entries.get("files/blob")!.type, "image/png");
});

Deno.test("an empty folder's placeholder is backed up like any other object", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "folder/.emptyFolderPlaceholder", new Uint8Array(0));
  const { entries } = await assertHolds(project, await project.backupSnapshot());
  assert.equal(entries.get("files/folder/.emptyFolderPlaceholder")!.size, 0);
});

Deno.test("an object that a user uploads keeps its owner in the snapshot", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await project.client.applySql(`
    create policy "upload" on storage.objects for insert to authenticated with check (true);`);
  const owner = crypto.randomUUID();
  const token = signJwt({ role: "authenticated", sub: owner }, project.client.info.jwtSecret);
  await upload(project, "files", "file", "a user's", { token, upsert: false });
  const { entries } = await assertHolds(project, await project.backupSnapshot());
  assert.equal(entries.get("files/file")!.owner_id, owner);
});
