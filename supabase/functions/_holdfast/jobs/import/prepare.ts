/** Preparing a run that reads a repository, one's own or another's. */
import type { Stage } from "../../engine/types.ts";
import { openRepository, type RepositoryFacts } from "../../repository/open.ts";
import { locationOf } from "../../repository/location.ts";
import type { RepositoryStore } from "../../destinations/store.ts";
import type { RepositorySettings } from "../../config/environment.ts";

/** Opens the repository, records it in the catalog as far as it knows it, and begins a stage. */
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
      // The import counts records as known, one by one.
      last_record: known?.last_record ?? 0,
      conditional_writes: known?.conditional_writes ?? null,
    };
    await context.commit("repository_prepared", lease, { facts, next_stage: nextStage });
    return "finished";
  };
}
