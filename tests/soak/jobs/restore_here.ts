import { isDeepStrictEqual } from "node:util";
import { type ObjectRow, readRows } from "../../support/project_reader.ts";
import type { Snapshot } from "../../stack/repository_reader.ts";
import type { Random } from "../../faults/run/random.ts";
import { checkRestored } from "../checks/restored.ts";
import type { SnapshotChecks } from "../checks/snapshots.ts";
import { type Moment, placeOf } from "../model/truth.ts";
import type { Ledger } from "../run/ledger.ts";
import { timed } from "../users/operations.ts";
import type { Users } from "../users/users.ts";
import type { SoakProject } from "../world/soak_project.ts";
import { noneOpen, succeed } from "./runs.ts";

/** So far back are snapshots that are restored here: older ones would undo all that users do. */
const RECENT_SNAPSHOTS = 10;

/**
 * Restores a recent snapshot into the project itself, while no user works, and tells the truth of
 * what that changed. Backups are to be held back meanwhile.
 */
export async function restoreHere(
  project: SoakProject,
  users: Users,
  checks: SnapshotChecks,
  random: Random,
  ledger: Ledger,
): Promise<void> {
  await users.pause();
  try {
    await noneOpen(project);
    // What no snapshot holds may not be overwritten.
    await succeed(project, "backup");
    await checks.look();
    const snapshot = random.one(checks.checked.slice(-RECENT_SNAPSHOTS));
    const overwrite = random.one(["never", "if-changed"] as const);
    const before = await readRows(project.sql);
    const lost = users.truth.now().filter(({ bytesLost }) => bytesLost !== undefined)
      .map(({ row }) => placeOf(row));
    const body = { snapshot: snapshot.document.id, overwrite, dryRun: false };
    const restore = async () => {
      const { result: { id: run }, at } = await timed(() => succeed(project, "restore", body));
      const after = await readRows(project.sql);
      await tellBuckets(project, users, at);
      tellObjects(users, snapshot, after, at);
      return { run, snapshot, overwrite, before, after, lost };
    };
    await checkRestored(project, await users.track(restore()), ledger);
  } finally {
    users.resume();
  }
}

/** Tells the truth which buckets a restore made. */
async function tellBuckets({ sql }: SoakProject, { truth }: Users, at: Moment): Promise<void> {
  const there = await sql<{ id: string }[]>`
    select id from storage.buckets where id not like 'holdfast-scratch-%'`;
  for (const { id: bucket } of there) {
    const known = truth.buckets.some(({ id, gone }) => id === bucket && gone === undefined);
    if (!known) truth.bucketMade(bucket, at);
  }
}

/** Tells the truth what a restore did to objects: what it put is what the snapshot lists. */
function tellObjects(
  { truth }: Users,
  snapshot: Snapshot,
  after: ReadonlyMap<string, ObjectRow>,
  at: Moment,
): void {
  for (const [place, row] of after) {
    if (row.bucket_id.startsWith("holdfast-scratch-")) continue;
    if (snapshot.entries.has(place)) truth.restored.add(place);
    const known = truth.at(place);
    if (known && isDeepStrictEqual(known.row, row)) continue;
    const sha256 = known?.row.version === row.version
      ? known.sha256
      : digestListed(truth, snapshot, place);
    truth.appeared(row, sha256, at);
  }
}

/** The digest that the bytes had when they were uploaded which a snapshot lists at a place. */
function digestListed(truth: Users["truth"], snapshot: Snapshot, place: string): string {
  const entry = snapshot.entries.get(place);
  const states = truth.tenants(place).flatMap(({ states }) => states);
  const state = states.find(({ row }) => row.version === entry?.version);
  return state?.sha256 ?? "not put by anyone";
}
