import { AddError } from "./errors.ts";
import type { LockedMigration } from "./lock.ts";
import type { ShippedMigration } from "./shipped.ts";
import { allocateTimes, areInFuture } from "./times.ts";

/** A migration in the project's folder: the project's own or one of Holdfast's. */
export interface PresentMigration {
  /** Digits, usually 14. */
  version: string;
  name: string;
  file: string;
  sha256: string;
}

/** The plan for Holdfast's migrations in a project. */
export interface MigrationPlan {
  /** New files, in order. */
  add: { file: string; bytes: Uint8Array<ArrayBuffer> }[];
  /** All of Holdfast's migrations after the change, by name. */
  recorded: Record<string, LockedMigration>;
  /** Notes for the user on files that were found and not changed. */
  notes: string[];
}

/**
 * Finds which of Holdfast's migrations a project has, by the lock file and by name, and allocates
 * times for the missing ones. It never changes or copies an installed migration again.
 *
 * @throws AddError `migration_changed`, `migration_name_taken`, `migration_twice`,
 * `older_than_installed`, `no_later_time`
 */
export function planMigrations(
  shipped: ShippedMigration[],
  recorded: Record<string, LockedMigration>,
  present: PresentMigration[],
  now: Date,
): MigrationPlan {
  refuseUnknown(shipped, recorded);
  const plan: MigrationPlan = { add: [], recorded: {}, notes: [] };
  const missing: ShippedMigration[] = [];
  for (const migration of shipped) {
    const { name, sha256 } = migration;
    const known = Object.hasOwn(recorded, name) ? recorded[name] : undefined;
    if (known !== undefined && known.sha256 !== sha256) throw changed(name, known);
    const found = findOne(name, present, known);
    if (known === undefined && found === undefined) {
      missing.push(migration);
      continue;
    }
    if (found === undefined) {
      plan.notes.push(
        `${
          known!.time
        }_${name}.sql is recorded as installed but not there (squashed?); it is not ` +
          "copied again. To copy it again, remove its entry from supabase/holdfast.lock.json.",
      );
    } else if (found.sha256 !== sha256) {
      if (known === undefined) throw nameTaken(found);
      plan.notes.push(`${found.file} was edited since it was copied; it is left as it is.`);
    }
    plan.recorded[name] = { time: found?.version ?? known!.time, sha256 };
  }
  const versions = present.map((one) => one.version);
  const times = allocateTimes(versions, missing.length, now);
  if (missing.length > 0 && areInFuture(versions, now)) {
    const newest = present.map((one) => one.file).sort().at(-1);
    plan.notes.push(`${newest} has a time in the future; Holdfast's migrations come after it.`);
  }
  missing.forEach(({ name, bytes, sha256 }, index) => {
    const time = times[index]!;
    plan.add.push({ file: `${time}_${name}.sql`, bytes });
    plan.recorded[name] = { time, sha256 };
  });
  return plan;
}

function findOne(
  name: string,
  present: PresentMigration[],
  known: LockedMigration | undefined,
): PresentMigration | undefined {
  const found = present.filter((one) => one.name === name);
  const recorded = found.find((one) => one.version === known?.time);
  if (recorded === undefined && found.length > 1) {
    throw new AddError(
      "migration_twice",
      `supabase/migrations has ${name} ${found.length} times: ` +
        `${found.map((one) => one.file).join(", ")}.\n` +
        "Keep the one that was applied (npx supabase migration list) and run this again.",
    );
  }
  return recorded ?? found[0];
}

function refuseUnknown(shipped: ShippedMigration[], recorded: Record<string, LockedMigration>) {
  const names = new Set(shipped.map((one) => one.name));
  const unknown = Object.keys(recorded).filter((name) => !names.has(name));
  if (unknown.length === 0) return;
  throw new AddError(
    "older_than_installed",
    `This checkout of Holdfast is older than what is installed there: it does not know ` +
      `${unknown.join(", ")}.\nUpdate the checkout (git pull) and run this again.`,
  );
}

function changed(name: string, known: LockedMigration): AddError {
  return new AddError(
    "migration_changed",
    `The migration ${name} of this checkout is not the one that was installed as ` +
      `${known.time}_${name}.sql: its sha256 differs from the one in supabase/holdfast.lock.json.\n` +
      "A migration that landed must not change. Use a released version of Holdfast, unedited.",
  );
}

function nameTaken(found: PresentMigration): AddError {
  return new AddError(
    "migration_name_taken",
    `supabase/migrations/${found.file} has the name of one of Holdfast's migrations and other ` +
      "content, and supabase/holdfast.lock.json does not say that it was installed.\n" +
      "If it is Holdfast's, restore the lock file from version control. If it is yours and was " +
      "never applied, give it another name. Then run this again.",
  );
}
