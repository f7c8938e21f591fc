import { readRows } from "../../support/project_reader.ts";
import type { Random } from "../../simulation/run/random.ts";
import { checkRestored } from "../checks/restored.ts";
import type { SnapshotChecks } from "../checks/snapshots.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import { succeed } from "./runs.ts";

/** The share of restores into the other project that find it empty. */
const EMPTY_SHARE = 0.6;

/** Restores a snapshot into another project and checks the result. */
export async function restoreOtherProject(
  other: SoakProject,
  checks: SnapshotChecks,
  random: Random,
  journal: Journal,
): Promise<void> {
  if (checks.checked.length === 0) return;
  const empty = random.chance(EMPTY_SHARE);
  const overwrite = random.one(["never", "if_changed"] as const);
  const snapshot = random.one(checks.checked);
  if (empty) await emptyStorage(other);
  const before = await readRows(other.sql);
  const body = { snapshot: snapshot.document.id, overwrite, dry_run: false };
  const { id: run } = await succeed(other, "restore", body);
  const after = await readRows(other.sql);
  await checkRestored(other, { run, snapshot, overwrite, before, after }, journal);
}

/** Deletes all objects and buckets, as only the superuser may. */
async function emptyStorage({ sql }: SoakProject): Promise<void> {
  await sql.begin(async (sql) => {
    await sql`select set_config('storage.allow_delete_query', 'true', true)`;
    await sql`delete from storage.objects`;
    await sql`delete from storage.buckets`;
  });
}
