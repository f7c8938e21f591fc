import { assertRestored, toldByRestores } from "../checks/restored.ts";
import { holds } from "../promises.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** Back to the first snapshot, over what came since; then the next backup. */
export const restoreHere: Scenario = {
  name: "restore_here",
  restores: true,
  async given(scene) {
    await incremental.given(scene);
    await (await scene.source).clockwork.succeed({ kind: "backup" });
  },
  async act(scene) {
    const { project, clockwork } = await scene.source;
    const [first] = await project.reader.snapshotIds();
    await clockwork.succeed({ kind: "restore", snapshot: first!, overwrite: "if-changed" });
    await clockwork.succeed({ kind: "backup" });
  },
  again: (scene) => restoreHere.act(scene),
  async check(scene, [first]) {
    const { project } = await scene.source;
    const since = new Set(["one/moved", "two/moved", "two/new", "three/first"]);
    // What went wrong and was told is no broken promise.
    const told = await toldByRestores(project);
    await holds("restores_exactly", () => assertRestored(project, first!, since.union(told)));
    const rows = await project.sql<{ place: string }[]>`
      select bucket_id || '/' || name as place from storage.objects`;
    const places = new Set(rows.map(({ place }) => place));
    const lost = [...since].filter((place) => !places.has(place));
    await holds("target_kept", () => {
      if (lost.length > 0) throw new Error(`${lost.join(", ")} is gone`);
    });
  },
};
