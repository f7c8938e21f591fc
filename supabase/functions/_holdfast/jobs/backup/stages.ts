/** The stages of the backup job and their dependencies. */
import type { Services } from "../../transfer/services.ts";
import type { Lease, SliceContext, Stage, Stages } from "../../engine/types.ts";
import { createObjectReader, storageAnswers } from "../../project/storage_reader.ts";
import { rollbackInSteps } from "../../repository/rollback_unsealed.ts";
import { openForWriting, type RepositoryFacts } from "../../repository/open.ts";
import { assertLocationOfRun, type RepositoryLocation } from "../../repository/location.ts";
import { createS3Store } from "../../destinations/s3/store.ts";
import type { RepositoryStore } from "../../destinations/store.ts";
import { readRepositorySettings, type RepositorySettings } from "../../config/environment.ts";
import { checkBackupSettings } from "../../config/settings.ts";
import type { CopyContext } from "./copy.ts";
import { sealStage } from "./seal.ts";
import { createEtagVerifier } from "../../transfer/etag_verifier.ts";
import { closeStage, missingStage, scanStage } from "./scan.ts";
import { uploadStage } from "./upload.ts";

/** Makes the stages of a backup, by `backup.<stage>`. */
export function backupStages({ project, database, environment, transport }: Services): Stages {
  // Settings are read when a stage starts, so that a wrong setting fails the run and is named there.
  const within =
    (make: (outside: CopyContext, repository: RepositorySettings) => Stage): Stage =>
    (lease, context) => {
      const repository = readRepositorySettings(environment);
      assertLocationOfRun(lease.plan["location"] as RepositoryLocation | undefined, repository);
      const outside: CopyContext = {
        clock: transport.clock,
        database,
        reader: createObjectReader(project, transport, context.budget.rateLimiter),
        store: createS3Store(repository, transport),
        attempts: lease.attempts,
        storageAnswers: () => storageAnswers(project, transport),
        createEtagVerifier: createEtagVerifier(project.url),
      };
      return make(outside, repository)(lease, context);
    };
  return {
    "backup.prepare": within(({ store }, repository) =>
      prepareStage(store, repository, project.url)
    ),
    "backup.objects": within(scanStage),
    "backup.upload": within(uploadStage),
    "backup.missing": within(missingStage),
    "backup.close": closeStage,
    "backup.seal": within(({ store }) => sealStage(store, project.url)),
  };
}

/** Validates the settings, opens the repository for writing, and creates the cursors of the scan. */
function prepareStage(
  store: RepositoryStore,
  repository: RepositorySettings,
  projectUrl: string,
): Stage {
  return async (lease, context) => {
    checkBackupSettings(lease.plan["settings"]);
    const facts = await openForWriting(store, context.database, repository, {
      projectUrl,
      run: lease.run,
      startedAt: lease.started_at,
    });
    if (!await rollbackOtherLocation(facts, lease, context)) return "more";
    await context.commit("backup_prepared", lease, { facts });
    return "finished";
  };
}

/**
 * Removes unsealed copies from the catalog that were written to another location of this repository.
 * A snapshot would list them, but this location may lack their bytes. False if work remains.
 */
function rollbackOtherLocation(
  location: RepositoryFacts,
  lease: Lease,
  context: SliceContext,
): Promise<boolean> {
  const { repository_id } = location;
  return rollbackInSteps(
    context.budget,
    (max_rows) =>
      context.commit<number>("backup_rollback", lease, { repository_id, location, max_rows }),
  );
}
