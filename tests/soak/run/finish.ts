import assert from "node:assert/strict";
import { assertHolds } from "../../support/assert_snapshot.ts";
import { assertNoSecrets } from "../../simulation/checks/secrets.ts";
import { assertInvariant, InvariantViolation } from "../../simulation/invariants.ts";
import { Random } from "../../simulation/run/random.ts";
import { checkCatalog } from "../jobs/import_other_project.ts";
import { countRuns, noneOpen, succeed } from "../jobs/runs.ts";
import { pathOf } from "../model/reference_model.ts";
import type { Soak } from "./soak.ts";

/** The checks that are possible at any time: secrets and all bytes in the repository. */
export async function checkAtRest({ source, other, writtenOnce, journal }: Soak): Promise<void> {
  await writtenOnce.compare(source);
  for (const project of [source, other]) {
    const lines = project.functions.logs().map(({ text }) => text);
    const servers = { credentials: project.repository };
    await journal.guard(() => assertNoSecrets(servers, project, lines));
  }
}

/** After all activity: a last backup must equal the project, and all checks must pass. */
export async function finish(soak: Soak): Promise<void> {
  const { source, other, journal, checks, options } = soak;
  await journal.guard(async () => {
    await noneOpen(source);
    await noneOpen(other);
    const { result } = await succeed(source, "backup");
    await checks.checkNew();
    const last = checks.checked.at(-1)!;
    await assertInvariant(
      "snapshot_accurate",
      () => assert.equal(last.document.id, result?.["snapshot"]),
    );
    await checkLast(soak);
    await checkCatalog(source, checks, new Random(options.seed), checks.checked.length);
  });
  await checkAtRest(soak);
  journal.runs = await countRuns([source, other]);
}

/** Compares the last snapshot with Storage's current rows and bytes. */
async function checkLast({ source, model, checks }: Soak): Promise<void> {
  const last = checks.checked.at(-1)!;
  const lost = model.now().filter(({ bytesLost }) => bytesLost !== undefined)
    .map(({ row }) => pathOf(row));
  if (lost.length === 0) {
    await assertInvariant("snapshot_accurate", () => assertHolds(source, last));
    return;
  }
  const objectPaths = model.now().map(({ row }) => pathOf(row)).sort();
  await assertInvariant(
    "snapshot_accurate",
    () => assert.deepEqual([...last.entries.keys()].sort(), objectPaths),
  );
  for (const [objectPath, { code }] of last.entries) {
    if (code === undefined || lost.includes(objectPath)) continue;
    throw new InvariantViolation("snapshot_accurate", `${objectPath} was readable: ${code}`);
  }
}
