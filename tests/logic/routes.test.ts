import assert from "node:assert/strict";
import { TestProject } from "../support/project.ts";

const NOWHERE = [
  ["GET", "holdfast-backup"],
  ["GET", "holdfast-backup/"],
  ["GET", "holdfast-backup/nothing"],
  ["GET", "holdfast-backup/runs"],
  ["PUT", "holdfast-backup/runs"],
  ["DELETE", "holdfast-backup/runs/00000000-0000-4000-8000-000000000000"],
  ["GET", "holdfast-backup/work"],
  ["GET", "holdfast-backup/imports"],
  ["POST", "holdfast-restore/imports"],
  ["PATCH", "holdfast-restore/runs"],
  ["POST", "holdfast-api/runs"],
  ["GET", "holdfast-api/snapshots"],
  ["GET", "holdfast-api/runs/one/two"],
] as const;

Deno.test("unknown routes and unsupported methods return 404", async () => {
  await using project = await TestProject.create();
  for (const [method, path] of NOWHERE) {
    const { status, body, headers } = await project.call(method, path);
    assert.equal(status, 404, `${method} ${path}`);
    assert.equal(headers.get("content-type"), "application/problem+json");
    assert.deepEqual(body, {
      type: "https://github.com/holdfast-backup/holdfast/blob/main/docs/ERRORS.md#not_found",
      title: "There is nothing at this path",
      status: 404,
      code: "not_found",
      detail: "No route matches.",
      remedy: "See the README's reference for the routes.",
    });
  }
});

Deno.test("an invalid or unknown run id returns 404", async () => {
  await using project = await TestProject.create();
  const key = await project.key("operate");
  for (const id of ["1", "latest", "00000000-0000-4000-8000-000000000000", "%27"]) {
    for (const [method, path] of [["GET", `runs/${id}`], ["POST", `runs/${id}/cancel`]] as const) {
      const { status, body } = await project.call(method, `holdfast-backup/${path}`, { key });
      assert.deepEqual([status, body.code], [404, "run_unknown"], `${method} ${path}`);
    }
  }
});
