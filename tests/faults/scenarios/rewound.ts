import { BrokenPromise } from "../promises.ts";
import type { Way } from "../door/step.ts";
import type { Scene } from "../world/scene.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** The database is put back to the moment before a backup, wherever that backup has got to. */
export const rewound: Scenario = {
  name: "rewound",
  forgets: true,
  given: incremental.given,
  async act(scene) {
    const source = await scene.source;
    source.workers.start({ kind: "backup" });
    await source.workers.quiet();
    await scene.rewind("source");
    const { project, clockwork } = await scene.source;
    if ((await project.reader.snapshotIds()).length > 1) {
      await refused(scene);
      await clockwork.succeed({ kind: "import" });
    }
    await backUpInSpiteOfSleepers(scene);
  },
  again: backUpInSpiteOfSleepers,
};

/** Backups, in spite of what servers answer, until one is refused for what it lacks. */
async function refused(scene: Scene): Promise<void> {
  const { clockwork } = await scene.source;
  const { door } = scene;
  for (let attempt = 1;; attempt++) {
    const before = door.exchanges.length;
    const run = await clockwork.run({ kind: "backup" });
    // A listing that does not know the newest records yet lets it begin; it may not seal.
    const misled = door.struck.some(({ fault }) => MISLEADING.has(fault.way));
    const wrote = misled ? undefined : door.exchanges.slice(before)
      .find(({ party, method }) => party === "s3" && method !== "GET");
    if (run.code === "catalog_behind" && !wrote) return;
    const unwell = door.wasUnwell && run.state === "failed" && run.code !== null && !wrote;
    if (!unwell || attempt >= MAX_ATTEMPTS) {
      throw new BrokenPromise(
        "rewind_refused",
        `the backup ended ${run.state} ${run.code} and sent ${wrote?.method} ${wrote?.path}`,
      );
    }
    if (attempt === MAX_ATTEMPTS - 1) door.clearUp();
  }
}

/** Faults of a listing that take records out of it. */
const MISLEADING: ReadonlySet<Way> = new Set(["stale_list", "flipped_answer"]);
/** So often a run is tried in bad weather; it clears up before the last one. */
const MAX_ATTEMPTS = 5;
/** Names of snapshots tell seconds: a backup in the very second of the forgotten one meets its name. */
const NEXT_SECOND_MS = 1000;

/**
 * A lane that slept through the rewinding may wake and seal what the database has forgotten: then
 * the backup is refused, and succeeds once the log was imported.
 */
export async function backUpInSpiteOfSleepers(scene: Scene): Promise<void> {
  const { clockwork } = await scene.source;
  for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
    const run = await clockwork.run({ kind: "backup" });
    if (run.state === "succeeded") return;
    if (run.code === "catalog_behind") {
      await new Promise((resolve) => setTimeout(resolve, NEXT_SECOND_MS));
      await clockwork.succeed({ kind: "import" });
    }
    if (!scene.door.weather) break;
  }
  await clockwork.succeed({ kind: "backup" });
}
