import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

/**
 * Turns a project's database into a clone of another project's: its rows name the other project.
 */
async function becomeClone(project: TestProject, origin: string): Promise<void> {
  await project.sql`select holdfast.set('project_url', to_jsonb(${origin}::text))`;
  await project.sql`delete from vault.secrets where name = 'holdfast_project_url'`;
  await project.sql`select vault.create_secret(${origin}, 'holdfast_project_url')`;
}

Deno.test("unfinished runs of another project are cancelled, and nothing is posted to it", async () => {
  await using origin = await TestProject.create();
  await origin.backup();
  await using clone = await TestProject.create({ repository: origin.repository });
  await createBucket(clone, "files");
  await upload(clone, "files", "a");
  await becomeClone(clone, origin.url);
  const [row] = await clone.sql`select holdfast_private.start_backup('the origin') as id`;

  const run = await clone.ended(await clone.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "repository_not_ours"]);
  const unfinished = await clone.run(row!.id);
  assert.equal(unfinished.state, "cancelled");
  assert.ok(unfinished.message!.includes(origin.url));
  const [secret] = await clone.sql`
    select decrypted_secret as url from vault.decrypted_secrets
    where name = 'holdfast_project_url'`;
  assert.equal(secret!.url, clone.url);
});
