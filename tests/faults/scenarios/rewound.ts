import { BrokenPromise } from "../promises.ts";
import type { Clockwork } from "../world/clockwork.ts";
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
    const sealed = (await project.reader.snapshotIds()).length > 1;
    if (sealed) {
      const before = scene.door.exchanges.length;
      const run = await clockwork.run({ kind: "backup" });
      const wrote = scene.door.exchanges.slice(before)
        .find(({ party, method }) => party === "s3" && method !== "GET");
      if (run.code !== "catalog_behind" || wrote) {
        throw new BrokenPromise(
          "rewind_refused",
          `the backup ended ${run.state} ${run.code} and sent ${wrote?.method} ${wrote?.path}`,
        );
      }
      await clockwork.succeed({ kind: "import" });
    }
    await backUpInSpiteOfSleepers(clockwork);
  },
};

/** Names of snapshots tell seconds: a backup in the very second of the forgotten one meets its name. */
const NEXT_SECOND_MS = 1000;

/**
 * A lane that slept through the rewinding may wake and seal what the database has forgotten: then
 * the backup is refused, and succeeds once the log was imported.
 */
async function backUpInSpiteOfSleepers(clockwork: Clockwork): Promise<void> {
  const run = await clockwork.run({ kind: "backup" });
  if (run.state === "succeeded") return;
  if (run.code === "catalog_behind") {
    await new Promise((resolve) => setTimeout(resolve, NEXT_SECOND_MS));
    await clockwork.succeed({ kind: "import" });
  }
  await clockwork.succeed({ kind: "backup" });
}
