import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { readBuckets } from "../support/project_reader.ts";

/** Creates a bucket whose id differs from its name. supabase-js cannot create one. */
async function createNamedBucket(project: TestProject, id: string, name: string): Promise<void> {
  const response = await fetch(`${project.url}/storage/v1/bucket`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${project.secretKey}`,
    },
    body: JSON.stringify({ id, name }),
  });
  assert.ok(response.ok, await response.text());
}

Deno.test("a bucket whose id differs from its name is backed up under its id, with its name", async () => {
  await using project = await TestProject.create();
  await createNamedBucket(project, "the-id", "the name");
  // Its name is another bucket's id.
  await createBucket(project, "the name too");
  await createNamedBucket(project, "other", "swapped");
  await upload(project, "the-id", "file", "in the first");
  await upload(project, "other", "file", "in the second");
  const { document } = await assertHolds(project, await project.backupSnapshot());
  assert.deepEqual(document.buckets, await readBuckets(project.sql));
});

Deno.test("a snapshot has all settings of the buckets at the time of the seal", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "open", {
    public: true,
    fileSizeLimit: 1_234,
    allowedMimeTypes: ["image/*", "text/plain"],
  });
  await createBucket(project, "closed");
  const first = await project.backupSnapshot();
  assert.deepEqual(first.document.buckets, await readBuckets(project.sql));
  await ok(project.storage.updateBucket("closed", { public: true, fileSizeLimit: 99 }));
  await project.sql`update storage.buckets set owner_id = 'somebody' where id = 'open'`;
  const second = await project.backupSnapshot();
  assert.deepEqual(second.document.buckets, await readBuckets(project.sql));
  assert.notDeepEqual(second.document.buckets, first.document.buckets);
});

Deno.test("analytics and vector buckets are skipped", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "standard");
  await project.sql`
    insert into storage.buckets (id, name, type) values ('numbers', 'numbers', 'ANALYTICS')`;
  const { document } = await project.backupSnapshot();
  assert.deepEqual(document.buckets.map(({ id }) => id), ["standard"]);
});

Deno.test("policies are stored in the snapshot as data", async () => {
  await using project = await TestProject.create();
  await project.client.applySql(`
    create policy "read one's own" on storage.objects for select to authenticated
      using (owner_id = (select auth.uid()::text));
    create policy "put" on storage.objects for insert to anon with check (bucket_id = 'inbox');`);
  const { document } = await project.backupSnapshot();
  // With an empty search path, Postgres qualifies every name in an expression.
  await project.sql`set search_path = ''`;
  const rows = await project.sql`
    select to_jsonb(p) as policy from pg_catalog.pg_policies p where schemaname = 'storage'`;
  assert.equal(rows.length, 2);
  const byName = (one: Record<string, unknown>, other: Record<string, unknown>) =>
    String(one.policyname) < String(other.policyname) ? -1 : 1;
  assert.deepEqual(
    document.policies.toSorted(byName),
    rows.map(({ policy }) => policy).toSorted(byName),
  );
});
