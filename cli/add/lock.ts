import { z } from "zod";
import { AddError } from "./errors.ts";
import { LOCK_FILE } from "./names.ts";

/** Where one of Holdfast's migrations landed. */
export interface LockedMigration {
  /** The digits that its file begins with. */
  time: string;
  /** Of what was shipped. */
  sha256: string;
}

/** What was installed into a project: `supabase/holdfast.lock.json`. */
export interface Lock {
  /** Of Holdfast. */
  version: string;
  /** By name. */
  migrations: Record<string, LockedMigration>;
  /** Path below the supabase folder → sha256 of what was shipped. */
  files: Record<string, string>;
}

/** Of the lock file itself; another one means a newer Holdfast. */
const LOCK_FORMAT = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 hex digits");

/** What is listed may be removed by an upgrade: no path may lead out of Holdfast's own folders. */
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
 * @throws AddError `lock_malformed`, which names every fault; `lock_newer`
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

/** The text of a lock file: sorted, so that it changes no more than what was installed does. */
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
