import assert from "node:assert/strict";
import { assertListed } from "../../simulation/checks/catalog.ts";
import { assertInvariant } from "../../simulation/invariants.ts";
import type { Random } from "../../simulation/run/random.ts";
import type { SnapshotChecks } from "../checks/snapshots.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import { succeed } from "./runs.ts";

/** The number of snapshots of a catalog that are compared line by line. */
const COMPARED_SNAPSHOTS = 5;

/**
 * Imports the repository's log into another project and compares its catalog with the repository.
 */
export async function importOtherProject(
  other: SoakProject,
  checks: SnapshotChecks,
  random: Random,
  journal: Journal,
): Promise<void> {
  const least = checks.checked.length;
  await succeed(other, "import");
  await checks.checkNew();
  await checkCatalog(other, checks, random, least);
  journal.importsChecked++;
}

/**
 * Compares a catalog with the repository: it contains at least the first `least` snapshots, and the same
 * entries of each snapshot that is compared.
 */
export async function checkCatalog(
  project: SoakProject,
  { checked }: SnapshotChecks,
  random: Random,
  least: number,
): Promise<void> {
  await assertInvariant("catalog_accurate", async () => {
    const known = await project.sql<{ id: string }[]>`
      select id from holdfast_private.snapshots order by sequence`;
    assert.ok(known.length >= least, `${known.length} snapshots are known of ${least}`);
    const first = checked.slice(0, known.length);
    assert.deepEqual(known.map(({ id }) => id), first.map(({ document }) => document.id));
    for (let compared = 0; compared < COMPARED_SNAPSHOTS && first.length > 0; compared++) {
      await assertListed(project, compared === 0 ? first.at(-1)! : random.one(first));
    }
  });
}
