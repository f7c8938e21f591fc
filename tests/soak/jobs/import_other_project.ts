import assert from "node:assert/strict";
import { assertListed } from "../../simulation/checks/catalog.ts";
import { assertInvariant } from "../../simulation/invariants.ts";
import type { Random } from "../../simulation/run/random.ts";
import type { SnapshotChecks } from "../checks/snapshots.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import { succeed } from "./runs.ts";

/** Of the snapshots in a catalog so many are compared, line by line. */
const COMPARED_SNAPSHOTS = 5;

/** Has another project read the repository's log, and compares its catalog with the repository. */
export async function importOtherProject(
  other: SoakProject,
  checks: SnapshotChecks,
  random: Random,
  journal: Journal,
): Promise<void> {
  const least = checks.checked.length;
  await succeed(other, "import");
  await checks.look();
  await checkCatalog(other, checks, random, least);
  journal.importsChecked++;
}

/**
 * Holds a catalog to the repository: it knows the first snapshots, at least so many, and of each
 * that is looked at the same entries.
 */
export async function checkCatalog(
  project: SoakProject,
  { checked }: SnapshotChecks,
  random: Random,
  least: number,
): Promise<void> {
  await assertInvariant("catalog_accurate", async () => {
    const known = await project.sql<{ id: string }[]>`
      select id from holdfast.snapshots order by sequence`;
    assert.ok(known.length >= least, `${known.length} snapshots are known of ${least}`);
    const first = checked.slice(0, known.length);
    assert.deepEqual(known.map(({ id }) => id), first.map(({ document }) => document.id));
    for (let compared = 0; compared < COMPARED_SNAPSHOTS && first.length > 0; compared++) {
      await assertListed(project, compared === 0 ? first.at(-1)! : random.one(first));
    }
  });
}
