import { isDeepStrictEqual } from "node:util";
import { type ObjectRow, readRows } from "../../e2e/support/project_reader.ts";
import type { Snapshot } from "../../e2e/support/repository_reader.ts";
import type { Random } from "../../simulation/run/random.ts";
import { checkRestored } from "../checks/restored.ts";
import type { SnapshotChecks } from "../checks/snapshots.ts";
import { type Moment, pathOf } from "../model/reference_model.ts";
import type { Journal } from "../run/journal.ts";
import { timed } from "../users/operations.ts";
import type { Users } from "../users/users.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import { noneOpen, succeed } from "./runs.ts";

/** So far back are snapshots that are restored here: older ones would undo all that users do. */
const RECENT_SNAPSHOTS = 10;

/**
 * Restores a recent snapshot into the project itself, while no user works, and tells the truth of
 * what that changed. Backups are to be held back meanwhile.
 */
export async function restoreInPlace(
  project: SoakProject,
  users: Users,
  checks: SnapshotChecks,
  random: Random,
  journal: Journal,
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
    const lost = users.model.now().filter(({ bytesLost }) => bytesLost !== undefined)
      .map(({ row }) => pathOf(row));
    const body = { snapshot: snapshot.document.id, overwrite, dryRun: false };
    const restore = async () => {
      const { result: { id: run }, at } = await timed(() => succeed(project, "restore", body));
      const after = await readRows(project.sql);
      await tellBuckets(project, users, at);
      tellObjects(users, snapshot, after, at);
      return { run, snapshot, overwrite, before, after, lost };
    };
    await checkRestored(project, await users.track(restore()), journal);
  } finally {
    users.resume();
  }
}

/** Tells the truth which buckets a restore made. */
async function tellBuckets({ sql }: SoakProject, { model }: Users, at: Moment): Promise<void> {
  const there = await sql<{ id: string }[]>`
    select id from storage.buckets where id not like 'holdfast-scratch-%'`;
  for (const { id: bucket } of there) {
    const known = model.buckets.some(({ id, gone }) => id === bucket && gone === undefined);
    if (!known) model.bucketMade(bucket, at);
  }
}

/** Tells the truth what a restore did to objects: what it put is what the snapshot lists. */
function tellObjects(
  { model }: Users,
  snapshot: Snapshot,
  after: ReadonlyMap<string, ObjectRow>,
  at: Moment,
): void {
  for (const [objectPath, row] of after) {
    if (row.bucket_id.startsWith("holdfast-scratch-")) continue;
    if (snapshot.entries.has(objectPath)) model.restored.add(objectPath);
    const known = model.at(objectPath);
    if (known && isDeepStrictEqual(known.row, row)) continue;
    const sha256 = known?.row.version === row.version
      ? known.sha256
      : digestListed(model, snapshot, objectPath);
    model.appeared(row, sha256, at);
  }
}

/** The digest that the bytes had when they were uploaded which a snapshot lists at a place. */
function digestListed(model: Users["model"], snapshot: Snapshot, objectPath: string): string {
  const entry = snapshot.entries.get(objectPath);
  const states = model.tenants(objectPath).flatMap(({ states }) => states);
  const state = states.find(({ row }) => row.version === entry?.version);
  return state?.sha256 ?? "not put by anyone";
}
