/** The demo: it runs all steps and prints the result. */
import type { StackClient } from "../stack/client.ts";
import { planChanges } from "./changes.ts";
import type { Choice } from "./choose_objects.ts";
import type { Comparison } from "./compare.ts";
import { Phases, tableOf } from "./phases.ts";
import { createKey, setScene } from "./environment.ts";
import type { Screen } from "./screen.ts";
import { backUp, change, compare, restore, upload } from "./steps.ts";
import { findUnexpected, whatWasTouched } from "./touched.ts";

/** At most this many differences are printed one by one. */
const PRINTED_DIFFERENCES = 10;

/**
 * Runs the demo on a stack that `start` starts, and prints its last line.
 *
 * @returns true if source, repository and target are equal
 * @throws DemoError if Holdfast or Storage refuses a request
 */
export async function runDemo(
  start: () => Promise<StackClient>,
  { objects, remarks }: Choice,
  screen: Screen,
): Promise<boolean> {
  const phases = new Phases(screen);
  screen.line("Holdfast: back up a project, restore it into another one, check every file.");
  screen.line("All of it happens on this machine, and nothing of it stays behind.");
  screen.line();
  const scene = await phases.setScene("Start", (progress) => setScene(start, progress));
  screen.text("two empty projects with Holdfast installed; an S3 bucket off site");

  await upload(scene, objects, phases);
  for (const remark of remarks) screen.text(remark);
  const operateKey = await createKey(scene.source, "operate");
  const first = await backUp("Backup 1", scene, operateKey, objects.length, phases);

  const changes = planChanges(objects);
  await change(scene, changes, phases);
  const second = await backUp("Backup 2", scene, operateKey, changes.length, phases);
  const touched = await whatWasTouched(first, second, scene);
  const unexpected = findUnexpected(touched, changes);
  const { puts, removes, reads, written } = touched;
  screen.text(
    `read ${reads.length} objects and wrote ${written}; listed ${puts.length} anew and ` +
      `${removes.length} as gone: ` +
      (unexpected.length === 0
        ? `exactly the changes, and ${second.entries.size - puts.length} objects left alone`
        : "not exactly the changes"),
  );

  const snapshot = second.document.id;
  await restore(scene, snapshot, await createKey(scene.target, "restore"), phases);
  const comparison = await compare(scene, snapshot, phases);
  screen.text(
    "without Holdfast: SHA-256 of each object read from both projects and from the repository; " +
      "rows and buckets by SQL",
  );
  conclude(comparison, unexpected, phases);
  return comparison.failed === 0 && unexpected.length === 0;
}

function conclude(comparison: Comparison, unexpected: readonly string[], phases: Phases): void {
  const { screen } = phases;
  screen.line();
  for (const line of tableOf(phases.records)) screen.line(line);
  screen.line();
  const differences = [...unexpected, ...comparison.differences];
  for (const words of differences.slice(0, PRINTED_DIFFERENCES)) screen.line(`differs: ${words}`);
  const more = differences.length - PRINTED_DIFFERENCES;
  if (more > 0) screen.line(`and ${more} more differences`);
  screen.line(lastLine(comparison, unexpected.length));
}

/**
 * The demo's last line.
 *
 * @param unexpected number of faults besides those of the comparison
 */
export function lastLine(
  { total, restored, verified, failed }: Comparison,
  unexpected: number,
): string {
  return `restored ${restored} of ${total} objects, ${verified} verified, ` +
    `${failed + unexpected} failed`;
}
