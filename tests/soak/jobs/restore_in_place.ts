import { isDeepStrictEqual } from "node:util";
import { type ObjectRow, readRows } from "../../support/project_reader.ts";
import type { Snapshot } from "../../../stack/repository_reader.ts";
import type { Random } from "../../simulation/run/random.ts";
import { checkRestored } from "../checks/restored.ts";
import type { SnapshotChecks } from "../checks/snapshots.ts";
import { type Moment, pathOf } from "../model/reference_model.ts";
import type { Journal } from "../run/journal.ts";
import { timed } from "../users/operations.ts";
import type { Users } from "../users/users.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import { noneOpen, succeed } from "./runs.ts";

/**
 * Only so many of the newest snapshots are restored: older ones would undo everything that users
 * did.
 */
const RECENT_SNAPSHOTS = 10;

/**
 * Restores a recent snapshot into the project itself while no user is active, and records the changes in
 * the reference model. The caller must start no backup meanwhile.
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
    // A restore may overwrite only what a snapshot holds.
    await succeed(project, "backup");
    await checks.checkNew();
    const snapshot = random.one(checks.checked.slice(-RECENT_SNAPSHOTS));
    const overwrite = random.one(["never", "if_changed"] as const);
    const before = await readRows(project.sql);
    const lost = users.model.now().filter(({ bytesLost }) => bytesLost !== undefined)
      .map(({ row }) => pathOf(row));
    const body = { snapshot: snapshot.document.id, overwrite, dry_run: false };
    const restore = async () => {
      const { result: { id: run }, at } = await timed(() => succeed(project, "restore", body));
      const after = await readRows(project.sql);
      await recordBuckets(project, users, at);
      recordObjects(users, snapshot, after, at);
      return { run, snapshot, overwrite, before, after, lost };
    };
    await checkRestored(project, await users.track(restore()), journal);
  } finally {
    users.resume();
  }
}

/** Records the buckets that a restore created. */
async function recordBuckets({ sql }: SoakProject, { model }: Users, at: Moment): Promise<void> {
  const there = await sql<{ id: string }[]>`
    select id from storage.buckets where id not like 'holdfast-scratch-%'`;
  for (const { id: bucket } of there) {
    const known = model.buckets.some(({ id, deleted }) => id === bucket && deleted === undefined);
    if (!known) model.bucketCreated(bucket, at);
  }
}

/** Records the objects that a restore wrote: they are as the snapshot lists them. */
function recordObjects(
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

/** The digest of the uploaded bytes that a snapshot lists at a path. */
function digestListed(model: Users["model"], snapshot: Snapshot, objectPath: string): string {
  const entry = snapshot.entries.get(objectPath);
  const states = model.occupants(objectPath).flatMap(({ states }) => states);
  const state = states.find(({ row }) => row.version === entry?.version);
  return state?.sha256 ?? "not uploaded by anyone";
}
