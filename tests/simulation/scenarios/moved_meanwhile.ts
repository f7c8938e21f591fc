import assert from "node:assert/strict";
import { ok } from "../../support/objects.ts";
import { assertInvariant } from "../invariants.ts";
import { fillSource } from "./first_backup.ts";
import type { Scenario } from "./scenario.ts";

/**
 * During the scan an object is moved from a path that the scan has not reached to one that it has passed.
 * If a worker was delayed, the scan may have passed both paths; the object is then listed under the old.
 */
export const movedMeanwhile: Scenario = {
  name: "moved_meanwhile",
  backsUp: false,
  async setUp(environment) {
    await fillSource(environment);
    await (await environment.source).scheduler.succeed({ kind: "backup" });
  },
  async act(environment) {
    const { project, scheduler } = await environment.source;
    let scanning = true;
    environment.proxy.before = async ({ action }) => {
      if (action !== "finish_cursor" || !scanning) return;
      scanning = false;
      await ok(project.storage.from("two").move("z", "behind", { destinationBucket: "one" }));
    };
    await scheduler.succeed({ kind: "backup" });
  },
  async check(environment, snapshots) {
    const { sql } = (await environment.source).project;
    const rows = await sql<{ id: string; path: string }[]>`
      select id, bucket_id || '/' || name as path from storage.objects`;
    await assertInvariant("snapshot_accurate", () => {
      const listed = [...snapshots.at(-1)!.entries];
      assert.deepEqual(listed.map(([, { id }]) => id).sort(), rows.map(({ id }) => id).sort());
      for (const [objectPath, { id }] of listed) {
        const now = rows.find((row) => row.id === id)?.path;
        assert.ok(
          objectPath === now || (objectPath === "two/z" && now === "one/behind"),
          objectPath,
        );
      }
    });
  },
};
