import assert from "node:assert/strict";
import { stack, type TestProject } from "./project.ts";

/**
 * Runs a later backup that writes its record to the log and then fails because its key is refused.
 */
export async function failAfterRecord(project: TestProject): Promise<void> {
  const { bucket } = project.repository;
  const record = { bucket, route: "PutObject", keyContains: "/log/" } as const;
  const refused = { kind: "error", status: 403, code: "InvalidAccessKeyId" } as const;
  await stack.call("addS3Fault", { rule: { ...record, count: 1, fault: { kind: "lose_reply" } } });
  await stack.call("addS3Fault", { rule: { ...record, count: 10, fault: refused } });
  const run = await project.ended(await project.start("backup/runs"));
  await stack.call("clearS3Faults", { bucket });
  assert.deepEqual([run.state, run.code], ["failed", "repository_key_refused"]);
}
