import { z } from "zod";
import { AddError } from "./errors.ts";
import { LOCK_FILE } from "./names.ts";

/** One of Holdfast's migrations as it was installed. */
export interface LockedMigration {
  /** The digits at the start of its file's name. */
  time: string;
  /** Hash of the shipped file. */
  sha256: string;
}

/** The content of `supabase/holdfast.lock.json`: what was installed into a project. */
export interface Lock {
  /** Version of Holdfast. */
  version: string;
  /** The installed migrations by name. */
  migrations: Record<string, LockedMigration>;
  /** Path below the supabase folder → sha256 of the shipped file. */
  files: Record<string, string>;
}

/** Format of the lock file. A different number means that a newer Holdfast wrote it. */
const LOCK_FORMAT = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 hex digits");

/** An upgrade may remove listed files, so no path may lead out of Holdfast's folders. */
const ownPath = z.string().regex(
  /^functions\/(_holdfast|holdfast-[a-z0-9-]+)(\/(?!\.\.?(\/|$))[^/\\\0]+)+$/,
  "a path below functions/_holdfast or functions/holdfast-…",
);

const lockSchema = z.strictObject({
  format: z.literal(LOCK_FORMAT),
  version: z.string().min(1),
  migrations: z.record(
    z.string().regex(/^holdfast_[a-z0-9_]+$/, "a name like holdfast_schema"),
    z.strictObject({ time: z.string().regex(/^[0-9]+$/, "digits"), sha256 }),
  ),
  files: z.record(ownPath, sha256),
});

/**
 * Reads the text of a lock file.
 *
 * @throws AddError `lock_malformed`, which lists every fault; `lock_newer`
 */
export function parseLock(text: string): Lock {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed([(error as Error).message]);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === "number" && format > LOCK_FORMAT) {
    throw new AddError(
      "lock_newer",
      `supabase/${LOCK_FILE} was written by a newer Holdfast (format ${format}).\n` +
        "Update this checkout (git pull) and run this again.",
    );
  }
  const parsed = lockSchema.safeParse(value);
  if (!parsed.success) {
    throw malformed(
      parsed.error.issues.map((fault) => `${fault.path.join(".")}: ${fault.message}`),
    );
  }
  const { version, migrations, files } = parsed.data;
  return { version, migrations, files };
}

/** The text of a lock file. Keys are sorted, so that the diff shows only real changes. */
export function formatLock(lock: Lock): string {
  const sorted = <T>(record: Record<string, T>) =>
    Object.fromEntries(Object.entries(record).sort(([one], [other]) => one < other ? -1 : 1));
  const document = {
    format: LOCK_FORMAT,
    version: lock.version,
    migrations: sorted(lock.migrations),
    files: sorted(lock.files),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function malformed(faults: string[]): AddError {
  return new AddError(
    "lock_malformed",
    `supabase/${LOCK_FILE} is no lock file of Holdfast:\n` +
      faults.map((fault) => `  ${fault}\n`).join("") +
      "Restore it from version control. If that is not possible, delete it: what was installed is " +
      "then recognised by its content.",
  );
}
