/** The first stage of a run that reads a repository: an import or a restore. */
import type { Stage } from "../../engine/types.ts";
import { openRepository, type RepositoryFacts } from "../../repository/open.ts";
import { locationOf } from "../../repository/location.ts";
import type { RepositoryStore } from "../../destinations/store.ts";
import type { RepositorySettings } from "../../config/environment.ts";

/**
 * Makes the stage that opens the repository, records it in the catalog, and starts the next stage.
 *
 * @param nextStage name of the stage that follows
 */
export function prepareReading(
  store: RepositoryStore,
  settings: RepositorySettings,
  nextStage: string,
): Stage {
  return async (lease, context) => {
    const { identity, known } = await openRepository(store, context.database);
    const facts: RepositoryFacts = {
      ...locationOf(settings),
      repository_id: identity.repository_id,
      format_version: identity.format,
      owner_project: known?.owner_project ?? null,
      // The import stage advances this with each record that it replays.
      last_record: known?.last_record ?? 0,
      conditional_writes: known?.conditional_writes ?? null,
    };
    await context.commit("repository_prepared", lease, { facts, next_stage: nextStage });
    return "finished";
  };
}
