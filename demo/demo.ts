/** The demo from beginning to end. */
import type { StackClient } from "../stack/client.ts";
import { planChanges } from "./changes.ts";
import type { Choice } from "./choose_objects.ts";
import type { Comparison } from "./compare.ts";
import { Phases, tableOf } from "./phases.ts";
import { createKey, setScene } from "./environment.ts";
import type { Screen } from "./screen.ts";
import { backUp, change, compare, restore, upload } from "./steps.ts";
import { untowardOf, whatWasTouched } from "./touched.ts";

/** So many differences are told one by one. */
const TOLD_DIFFERENCES = 10;

/**
 * Runs the demo on a stack that `start` starts, and writes its last line.
 *
 * @returns whether all is equal
 * @throws DemoError where Holdfast or Storage refuses something
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
  const untoward = untowardOf(touched, changes);
  const { puts, removes, reads, written } = touched;
  screen.text(
    `read ${reads.length} objects and wrote ${written}; listed ${puts.length} anew and ` +
      `${removes.length} as gone: ` +
      (untoward.length === 0
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
  conclude(comparison, untoward, phases);
  return comparison.failed === 0 && untoward.length === 0;
}

function conclude(comparison: Comparison, untoward: readonly string[], phases: Phases): void {
  const { screen } = phases;
  screen.line();
  for (const line of tableOf(phases.records)) screen.line(line);
  screen.line();
  const differences = [...untoward, ...comparison.differences];
  for (const words of differences.slice(0, TOLD_DIFFERENCES)) screen.line(`differs: ${words}`);
  const more = differences.length - TOLD_DIFFERENCES;
  if (more > 0) screen.line(`and ${more} more differences`);
  screen.line(lastLine(comparison, untoward.length));
}

/**
 * The demo's last line.
 *
 * @param untoward how many faults there were beside those of the comparison
 */
export function lastLine(
  { total, restored, verified, failed }: Comparison,
  untoward: number,
): string {
  return `restored ${restored} of ${total} objects, ${verified} verified, ` +
    `${failed + untoward} failed`;
}
