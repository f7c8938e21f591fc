import { assertRestored, reportedByRestores } from "../checks/restored.ts";
import { assertInvariant } from "../invariants.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** A restore of the first snapshot over later changes, and the next backup. */
export const restoreInPlace: Scenario = {
  name: "restore_in_place",
  restores: true,
  async setUp(environment) {
    await incremental.setUp(environment);
    await (await environment.source).scheduler.succeed({ kind: "backup" });
  },
  async act(environment) {
    const { project, scheduler } = await environment.source;
    const [first] = await project.reader.snapshotIds();
    await scheduler.succeed({ kind: "restore", snapshot: first!, overwrite: "if_changed" });
    await scheduler.succeed({ kind: "backup" });
  },
  repeatAct: (environment) => restoreInPlace.act(environment),
  async check(environment, [first]) {
    const { project } = await environment.source;
    const since = new Set(["one/moved", "two/moved", "two/new", "three/first"]);
    // A failure that the restore reports is no violation.
    const reported = await reportedByRestores(project);
    await assertInvariant(
      "restores_exactly",
      () => assertRestored(project, first!, since.union(reported)),
    );
    const rows = await project.sql<{ path: string }[]>`
      select bucket_id || '/' || name as path from storage.objects`;
    const objectPaths = new Set(rows.map(({ path }) => path));
    const lost = [...since].filter((objectPath) => !objectPaths.has(objectPath));
    await assertInvariant("target_kept", () => {
      if (lost.length > 0) throw new Error(`${lost.join(", ")} is missing`);
    });
  },
};
