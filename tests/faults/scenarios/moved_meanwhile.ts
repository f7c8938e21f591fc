import assert from "node:assert/strict";
import { ok } from "../../support/objects.ts";
import { holds } from "../promises.ts";
import { fillSource } from "./first_backup.ts";
import type { Scenario } from "./scenario.ts";

/**
 * An object that is moved, during the sweep, from where the sweep has yet to come to behind it.
 * Where a lane slept, the sweep may have been at both places: then it is where it was.
 */
export const movedMeanwhile: Scenario = {
  name: "moved_meanwhile",
  backsUp: false,
  async given(scene) {
    await fillSource(scene);
    await (await scene.source).clockwork.succeed({ kind: "backup" });
  },
  async act(scene) {
    const { project, clockwork } = await scene.source;
    let sweeping = true;
    scene.door.before = async ({ action }) => {
      if (action !== "finish_cursor" || !sweeping) return;
      sweeping = false;
      await ok(project.storage.from("two").move("z", "behind", { destinationBucket: "one" }));
    };
    await clockwork.succeed({ kind: "backup" });
  },
  async check(scene, snapshots) {
    const { sql } = (await scene.source).project;
    const rows = await sql<{ id: string; place: string }[]>`
      select id, bucket_id || '/' || name as place from storage.objects`;
    await holds("tells_the_truth", () => {
      const listed = [...snapshots.at(-1)!.entries];
      assert.deepEqual(listed.map(([, { id }]) => id).sort(), rows.map(({ id }) => id).sort());
      for (const [place, { id }] of listed) {
        const now = rows.find((row) => row.id === id)?.place;
        assert.ok(place === now || (place === "two/z" && now === "one/behind"), place);
      }
    });
  },
};
