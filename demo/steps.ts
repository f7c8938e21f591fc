/** The demo's steps. Each runs one phase and prints its remarks, and can run on its own. */
import { compareProjects, type Comparison } from "./compare.ts";
import { applyChanges, type Change } from "./changes.ts";
import { reportInWords, reportOf } from "./dry_run.ts";
import { fillProject } from "./fill.ts";
import { counterOf, type RunsOf, runToEnd } from "./holdfast.ts";
import type { DemoObject } from "./objects.ts";
import type { Phases } from "./phases.ts";
import { readerOf, type Snapshot } from "./repository.ts";
import { countRequests, kindsInWords, type Requests } from "./requests.ts";
import type { Scene } from "./environment.ts";

/** Uploads the objects to the source. */
export async function upload(
  scene: Scene,
  objects: readonly DemoObject[],
  phases: Phases,
): Promise<void> {
  const bytes = objects.reduce((sum, object) => sum + object.size, 0);
  await phases.run(
    "Upload",
    scene,
    (progress) => fillProject(scene.source, objects, progress),
    () => ({ objects: objects.length, bytes }),
  );
}

/** Changes some of the source's objects. */
export async function change(
  scene: Scene,
  changes: readonly Change[],
  phases: Phases,
): Promise<void> {
  await phases.run(
    "Change",
    scene,
    (progress) => applyChanges(scene.source, changes, progress),
    () => ({ objects: changes.length }),
  );
  for (const { word, location } of changes) phases.screen.pair(word, location);
}

/**
 * Backs up the source.
 *
 * @param name name of the phase
 * @param expected number of objects that it processes, for the progress bar
 * @returns the snapshot, read from the bucket without code of Holdfast
 */
export async function backUp(
  name: string,
  scene: Scene,
  key: string,
  expected: number,
  phases: Phases,
): Promise<Snapshot> {
  const runs: RunsOf = { project: scene.source, functionName: "holdfast-backup", key };
  const { result: run, requests } = await phases.run(
    name,
    scene,
    (progress) => {
      progress.expect(expected);
      // Holdfast's counters grow page by page. The server's log shows each object immediately.
      return runToEnd(
        runs,
        {},
        async () => progress.reach((await countRequests(scene)).s3["PutObject"] ?? 0),
      );
    },
    (run) => ({
      objects: counterOf(run, "objects_copied"),
      bytes: counterOf(run, "bytes_copied"),
    }),
  );
  const snapshot = await readerOf(scene.repository).snapshot(String(run.result?.["snapshot"]));
  const { document } = snapshot;
  phases.screen.text(
    `snapshot ${document.id}: ${document.state}, ${document.totals.objects} objects`,
  );
  sayRequests(requests, phases);
  return snapshot;
}

/**
 * Restores a snapshot into the target: first a dry run with its report, then the restore itself.
 */
export async function restore(
  scene: Scene,
  snapshot: string,
  key: string,
  phases: Phases,
): Promise<void> {
  const runs: RunsOf = { project: scene.target, functionName: "holdfast-restore", key };
  const { result: report } = await phases.run(
    "Dry run",
    scene,
    async (progress) => {
      progress.expect(1);
      return reportOf(await runToEnd(runs, { snapshot, dry_run: true }));
    },
    () => ({}),
  );
  for (const words of reportInWords(report)) phases.screen.text(words);
  const { requests } = await phases.run(
    "Restore",
    scene,
    (progress) => {
      progress.expect(report.to_restore);
      return runToEnd(
        runs,
        { snapshot, dry_run: false },
        async () => progress.reach((await countRequests(scene)).storage["POST object"] ?? 0),
      );
    },
    (run) => ({
      objects: counterOf(run, "objects_restored"),
      bytes: counterOf(run, "bytes_restored"),
    }),
  );
  sayRequests(requests, phases);
}

/** Compares the two projects and the repository between them, without code of Holdfast. */
export async function compare(
  scene: Scene,
  snapshot: string,
  phases: Phases,
): Promise<Comparison> {
  const compared = {
    source: scene.source.info,
    target: scene.target.info,
    reader: readerOf(scene.repository),
    snapshot,
  };
  const { result } = await phases.run(
    "Compare",
    scene,
    (progress) => compareProjects(compared, progress),
    ({ total, bytes }) => ({ objects: total, bytes }),
  );
  return result;
}

function sayRequests({ storage, s3 }: Requests, { screen }: Phases): void {
  screen.text(`Storage: ${kindsInWords(storage)}`);
  screen.text(`S3: ${kindsInWords(s3)}`);
}
