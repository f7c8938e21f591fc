import { join } from "node:path";
import { editConfig } from "./config.ts";
import { AddError } from "./errors.ts";
import { hashText, readIfPresent, sameBytes } from "./files.ts";
import { formatLock, type Lock, parseLock } from "./lock.ts";
import { planMigrations } from "./migrations.ts";
import { CONFIG_FILE, LOCK_FILE } from "./names.ts";
import { type ProjectFolder, readPresentMigrations } from "./project.ts";
import type { Shipped, ShippedFile } from "./shipped.ts";

/** One file that changes. */
export interface Change {
  /** Path below the supabase folder, with `/`. */
  path: string;
  /** The current bytes; undefined if the file does not exist. */
  before: Uint8Array<ArrayBuffer> | undefined;
  /** The new bytes; undefined if the file is removed. */
  after: Uint8Array<ArrayBuffer> | undefined;
  /** True if the change affects text of the user. Such changes are shown as a diff. */
  theirs: boolean;
}

/** All changes of `add`, in the order in which it applies them. */
export interface Plan {
  changes: Change[];
  /** Notes for the user on files that were found and not changed. */
  notes: string[];
  /** Files of Holdfast that the user edited and that a change overwrites or removes. */
  edited: string[];
}

const EMPTY_LOCK: Lock = { version: "", migrations: {}, files: {} };

/**
 * Plans the changes of a project. It only reads.
 *
 * @throws AddError if something prevents the installation
 */
export async function makePlan(
  shipped: Shipped,
  project: ProjectFolder,
  options: { now: Date; force: boolean },
): Promise<Plan> {
  const read = (path: string) => readIfPresent(join(project.supabase, path));
  const lockBytes = await read(LOCK_FILE);
  const lock = lockBytes ? parseLock(new TextDecoder().decode(lockBytes)) : EMPTY_LOCK;
  refuseOlder(shipped.version, lock.version);
  const configBytes = await read(CONFIG_FILE);
  if (configBytes === undefined) throw new Error(`${CONFIG_FILE} went away`);

  const migrations = planMigrations(
    shipped.migrations,
    lock.migrations,
    await readPresentMigrations(project.supabase),
    options.now,
  );
  const plan: Plan = { changes: [], notes: [...migrations.notes], edited: [] };
  for (const file of shipped.files) await planFile(plan, file, lock, read, options.force);
  for (const { file, bytes } of migrations.add) {
    const path = `migrations/${file}`;
    plan.changes.push({ path, before: undefined, after: bytes, theirs: false });
  }
  const config = editConfig(configBytes, shipped.functions);
  if (!sameBytes(config, configBytes)) {
    plan.changes.push({ path: CONFIG_FILE, before: configBytes, after: config, theirs: true });
  }
  await planRemovals(plan, shipped, lock, read);

  // The lock file comes last: if `add` stops before it, the same command completes the
  // installation.
  const newLock = new TextEncoder().encode(formatLock({
    version: shipped.version,
    migrations: migrations.recorded,
    files: Object.fromEntries(shipped.files.map((file) => [file.path, file.sha256])),
  }));
  if (lockBytes === undefined || hashText(newLock) !== hashText(lockBytes)) {
    plan.changes.push({ path: LOCK_FILE, before: lockBytes, after: newLock, theirs: false });
  }
  return plan;
}

type Read = (path: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;

async function planFile(plan: Plan, file: ShippedFile, lock: Lock, read: Read, force: boolean) {
  const before = await read(file.path);
  const found = before && hashText(before);
  if (found === file.sha256) return;
  const recorded = Object.hasOwn(lock.files, file.path) ? lock.files[file.path] : undefined;
  const edited = found !== undefined && found !== recorded;
  if (edited && recorded === file.sha256 && !force) {
    plan.notes.push(`${file.path} was edited since it was copied; it is left as it is.`);
    return;
  }
  if (edited) plan.edited.push(file.path);
  plan.changes.push({ path: file.path, before, after: file.bytes, theirs: edited });
}

/** Plans to remove files that an older version shipped and this one does not. Edited files stay. */
async function planRemovals(plan: Plan, shipped: Shipped, lock: Lock, read: Read) {
  const kept = new Set(shipped.files.map((file) => file.path));
  for (const [path, recorded] of Object.entries(lock.files)) {
    if (kept.has(path)) continue;
    const before = await read(path);
    if (before === undefined) continue;
    const edited = hashText(before) !== recorded;
    if (edited) plan.edited.push(path);
    plan.changes.push({ path, before, after: undefined, theirs: edited });
  }
}

function refuseOlder(shipped: string, installed: string) {
  const [ours, theirs] = [shipped, installed].map((version) => version.split(/[.-]/).map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (ours?.[part] || 0) - (theirs?.[part] || 0);
    if (difference > 0) return;
    if (difference < 0) {
      throw new AddError(
        "older_than_installed",
        `This checkout is Holdfast ${shipped}, and ${installed} is installed there.\n` +
          "Update the checkout (git pull) and run this again.",
      );
    }
  }
}
