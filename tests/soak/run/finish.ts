import assert from "node:assert/strict";
import { assertHolds } from "../../support/assert_snapshot.ts";
import { assertNoSecrets } from "../../faults/checks/secrets.ts";
import { BrokenPromise, holds } from "../../faults/promises.ts";
import { Random } from "../../faults/run/random.ts";
import { checkCatalog } from "../jobs/import_elsewhere.ts";
import { countRuns, noneOpen, succeed } from "../jobs/runs.ts";
import { placeOf } from "../model/truth.ts";
import type { Soak } from "./soak.ts";

/** What can be looked at at any time: secrets and all bytes in the repository. */
export async function checkAtRest({ source, other, writtenOnce, ledger }: Soak): Promise<void> {
  await writtenOnce.compare(source);
  for (const project of [source, other]) {
    const lines = project.functions.logs().map(({ text }) => text);
    const servers = { credentials: project.repository };
    await ledger.guard(() => assertNoSecrets(servers, project, lines));
  }
}

/** When nobody acts any more: a last backup must hold the project as it is, and all checks hold. */
export async function finish(soak: Soak): Promise<void> {
  const { source, other, ledger, checks, options } = soak;
  await ledger.guard(async () => {
    await noneOpen(source);
    await noneOpen(other);
    const { result } = await succeed(source, "backup");
    await checks.look();
    const last = checks.checked.at(-1)!;
    await holds("tells_the_truth", () => assert.equal(last.document.id, result?.["snapshot"]));
    await checkLast(soak);
    await checkCatalog(source, checks, new Random(options.seed), checks.checked.length);
  });
  await checkAtRest(soak);
  ledger.runs = await countRuns([source, other]);
}

/** The last snapshot against Storage's rows and bytes, read now. */
async function checkLast({ source, truth, checks }: Soak): Promise<void> {
  const last = checks.checked.at(-1)!;
  const lost = truth.now().filter(({ bytesLost }) => bytesLost !== undefined)
    .map(({ row }) => placeOf(row));
  if (lost.length === 0) {
    await holds("tells_the_truth", () => assertHolds(source, last));
    return;
  }
  const places = truth.now().map(({ row }) => placeOf(row)).sort();
  await holds("tells_the_truth", () => assert.deepEqual([...last.entries.keys()].sort(), places));
  for (const [place, { code }] of last.entries) {
    if (code === undefined || lost.includes(place)) continue;
    throw new BrokenPromise("tells_the_truth", `${place} could be had: ${code}`);
  }
}
