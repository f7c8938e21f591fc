import assert from "node:assert/strict";
import { connectStack } from "../../../stack/client.ts";

const stack = await connectStack();

Deno.test("functions in the stack's process respond through the gateway and have their own log", async () => {
  const { secrets } = await stack.createRepositoryBucket();
  await using project = await stack.acquireProject({ secrets });
  await using other = await stack.acquireProject({ secrets });
  await project.setSecrets({ HOLDFAST_S3_ENDPOINT: "http://127.0.0.1:1" });
  const [row] = await project.applySql("select holdfast.create_key('operate', 'mine') as key");
  const accepted = await project.callFunction("holdfast-backup/runs", {
    method: "POST",
    headers: { apikey: row!["key"] as string },
  });
  assert.equal(accepted.status, 202);
  await accepted.body?.cancel();
  await project.functionsIdle();
  const lines = (await project.functionLogs("holdfast-backup")).map(({ text }) => JSON.parse(text));
  assert.ok(lines.some(({ code }) => code === "repository_unreachable"), JSON.stringify(lines));
  assert.deepEqual(await other.functionLogs(), []);
});

Deno.test("a returned project is reset for the next borrower", async () => {
  const { secrets } = await stack.createRepositoryBucket();
  let name: string;
  {
    await using project = await stack.acquireProject({ secrets });
    name = project.info.name;
    await project.applySql("insert into storage.buckets (id, name) values ('files', 'files')");
    await project.applySql("select holdfast.create_key('operate', 'mine')");
    await project.applySql("select holdfast.set('exclude', '[\"a\"]')");
  }
  await using again = await stack.acquireProject({ secrets });
  assert.equal(again.info.name, name);
  const rows = await again.applySql(`
    select (select count(*)::int from storage.buckets) as buckets,
      (select count(*)::int from holdfast_private.keys) as keys,
      (select value from holdfast_private.settings where name = 'exclude') as exclude`);
  assert.deepEqual(rows, [{ buckets: 0, keys: 1, exclude: [] }]);
  assert.deepEqual((await again.storageRequests()).records, []);
});

Deno.test("a project whose schema was changed is not lent again", async () => {
  let name: string;
  {
    await using project = await stack.acquireProject({});
    name = project.info.name;
    await project.applySql("create policy mine on storage.objects for select using (true)");
  }
  await using again = await stack.acquireProject({});
  assert.notEqual(again.info.name, name);
});
