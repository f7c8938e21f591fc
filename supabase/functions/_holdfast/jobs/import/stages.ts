/** The stages of the import job and their dependencies. */
import { readRepositorySettings, type RepositorySettings } from "../../config/environment.ts";
import type { Stage, Stages } from "../../engine/types.ts";
import { assertLocationOfRun, type RepositoryLocation } from "../../repository/location.ts";
import { createS3Store } from "../../destinations/s3/store.ts";
import type { RepositoryStore } from "../../destinations/store.ts";
import type { Services } from "../../transfer/services.ts";
import { prepareReading } from "./prepare.ts";
import { importStage } from "./stage.ts";

/**
 * Makes the stages that read a repository's log into the catalog.
 *
 * @param kind job that has these stages; a restore starts with an import, too
 * @returns `<kind>.prepare` and `<kind>.import`
 */
export function importStages(
  { project, environment, transport }: Services,
  kind: "import" | "restore" = "import",
): Stages {
  // Settings are read when a stage starts, so that a wrong setting fails the run and is named there.
  const within =
    (make: (store: RepositoryStore, repository: RepositorySettings) => Stage): Stage =>
    (lease, context) => {
      const repository = readRepositorySettings(environment);
      assertLocationOfRun(lease.plan["location"] as RepositoryLocation | undefined, repository);
      return make(createS3Store(repository, transport), repository)(lease, context);
    };
  return {
    [`${kind}.prepare`]: within((store, repository) => prepareReading(store, repository, "import")),
    [`${kind}.import`]: within((store) => importStage(store, project.url, transport.clock)),
  };
}
