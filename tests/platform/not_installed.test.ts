import assert from "node:assert/strict";
import { TestProject } from "../support/project.ts";

const SOME_KEY = `hf_operate_${"0".repeat(12)}_${"0".repeat(64)}`;

Deno.test("without the migrations, every function reports what to apply", async () => {
  await using project = await TestProject.create({ migrate: false });
  for (
    const [method, path] of [
      ["POST", "holdfast-backup/runs"],
      ["POST", "holdfast-backup/work"],
      ["POST", "holdfast-restore/runs"],
      ["GET", "holdfast-api/runs"],
    ] as const
  ) {
    const { status, body } = await project.call(method, path, { key: SOME_KEY });
    assert.deepEqual([status, body.code], [503, "not_installed"], `${method} ${path}`);
    assert.equal(body.title, "Holdfast's migrations are not applied");
    assert.equal(body.remedy, "Apply them with supabase db push, then try again.");
  }
  await project.client.migrate();
  await project.client.killFunction("holdfast-backup");
  await project.backup();
});
