import assert from "node:assert/strict";
import { signJwt } from "../../stack/edge/jwt.ts";
import { bytesOf, createBucket, ok, upload } from "../support/objects.ts";
import { readBuckets, readObjects, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";

/** A project with every kind of bucket and object, and a backup of it. */
async function createSource(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "avatars", { public: true });
  await createBucket(project, "papers", {
    fileSizeLimit: 10_000,
    allowedMimeTypes: ["text/plain", "application/pdf"],
  });
  await project.client.applySql(`
    create policy "upload" on storage.objects for insert to authenticated with check (true);
    insert into storage.buckets (id, name, owner_id) values ('the-id', 'the name', 'somebody');`);
  const token = signJwt(
    { role: "authenticated", sub: crypto.randomUUID() },
    project.client.info.jwtSecret,
  );
  await upload(project, "avatars", "a user's.png", bytesOf(5_000), {
    type: "image/png",
    token,
    upsert: false,
  });
  await upload(project, "avatars", "page.html", "<p>page</p>", {
    type: "text/html; charset=utf-8",
    cacheControl: "max-age=60, must-revalidate",
    userMetadata: { nested: { list: [1, "two", null] }, ü: "ö" },
  });
  await upload(project, "papers", "plain.txt", "plain");
  await upload(project, "papers", "empty.txt", new Uint8Array(0));
  await upload(project, "the-id", "file", bytesOf(100));
  await project.sql`
    update storage.objects set owner_id = 'an owner that is no uuid' where name = 'plain.txt'`;
  await project.backup();
  return project;
}

Deno.test("a project with access to the repository alone gets every object and row", async () => {
  await using project = await createSource();
  await using target = await TestProject.create({ repository: project.repository });
  const run = await target.restore();

  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.equal(source.size, 5);
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
  assert.equal(run.result.did.objects_restored, 5);
  assert.equal(run.result.did.objects_verified, 5);
  for (const [location, { id, version }] of source) {
    assert.notEqual(restored.get(location)!.id, id);
    assert.notEqual(restored.get(location)!.version, version);
  }
});

Deno.test("buckets are restored with all their settings, and no other bucket remains", async () => {
  await using project = await createSource();
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  assert.deepEqual(await readBuckets(target.sql), await readBuckets(project.sql));
});

Deno.test("a restore needs only the repository, not the source project", async () => {
  const project = await createSource();
  const source = await readObjects(project).finally(() => project[Symbol.asyncDispose]());
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  const restored = await readObjects(target);
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
});

Deno.test("a second restore writes nothing", async () => {
  await using project = await createSource();
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  const before = await readObjects(target);
  const again = await target.restore();
  assert.equal(again.result.did.objects_already_right, 5);
  assert.equal(again.result.did.objects_restored ?? 0, 0);
  assert.deepEqual(await readObjects(target), before);
});

Deno.test("a read-only S3 key is sufficient for a restore", async () => {
  await using project = await createSource();
  const { stack } = project.client;
  const reading = await stack.call("repositoryBucket", {
    bucket: project.repository.bucket,
    permissions: "read",
  });
  const before = await project.bucket.list();
  await using target = await TestProject.create({ repository: reading });
  const run = await target.restore();
  assert.equal(run.result.did.objects_verified, 5);
  assert.deepEqual(await project.bucket.list(), before);
});

Deno.test("supabase-js reads the same bytes from the target as were uploaded to the source", async () => {
  await using project = await createSource();
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  const file = await ok(target.storage.from("avatars").download("a user's.png"));
  assert.deepEqual(new Uint8Array(await file.arrayBuffer()), bytesOf(5_000));
  const { publicUrl } = target.storage.from("avatars").getPublicUrl("page.html").data;
  assert.equal(await (await fetch(publicUrl)).text(), "<p>page</p>");
});
