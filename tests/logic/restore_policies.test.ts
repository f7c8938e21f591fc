import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { signJwt } from "../../stack/edge/jwt.ts";
import { createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

const POLICIES = `
  create policy "read one's own" on storage.objects for select to authenticated
    using (bucket_id = 'private' and owner_id = (select auth.uid()::text));
  create policy "put one's own" on storage.objects for insert to authenticated
    with check (bucket_id = 'private');
  create policy "see no bucket" on storage.buckets for select to authenticated using (true);`;

/** A supabase-js client signed in as a user of the project. */
function storageOf(project: TestProject, user: string) {
  const { info } = project.client;
  const token = signJwt({ role: "authenticated", sub: user }, info.jwtSecret);
  return createClient(project.url, info.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { headers: { authorization: `Bearer ${token}` } },
  }).storage;
}

Deno.test("row level security does not limit a backup, and applies to the restored owners", async () => {
  await using source = await TestProject.create();
  await createBucket(source, "private");
  await source.client.applySql(POLICIES);
  const [ann, bob] = [crypto.randomUUID(), crypto.randomUUID()];
  await ok(storageOf(source, ann).from("private").upload("ann's", "Ann wrote this"));
  await ok(storageOf(source, bob).from("private").upload("bob's", "Bob wrote this"));
  await upload(source, "private", "nobody's", "the service wrote this");
  const { entries } = await source.backupSnapshot();
  assert.equal(entries.size, 3);

  await using target = await TestProject.create({ repository: source.repository });
  await target.client.applySql(POLICIES);
  await target.restore();
  const mine = storageOf(target, ann).from("private");
  assert.equal(await (await ok(mine.download("ann's"))).text(), "Ann wrote this");
  for (const name of ["bob's", "nobody's"]) {
    assert.notEqual((await mine.download(name)).error, null);
  }
});
