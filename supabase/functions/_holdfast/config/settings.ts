/** Validates `holdfast.settings`, which users set in the database. */
import { z } from "zod";
import { faultsOf, invalidSettings } from "./faults.ts";

const limit = z.int().positive().nullable();
const globs = z.array(z.string().min(1)).max(200);

const backupSettingsSchema = z.object({
  buckets: z.array(z.string().min(1)).nullable(),
  include: globs.min(1),
  exclude: globs,
  max_object_bytes: z.int().positive().nullable(),
  workers: z.int().min(1).max(16),
  maximum_age_hours: z.number().positive().nullable(),
  max_bytes_per_second: limit,
  max_requests_per_second: z.number().positive().nullable(),
  max_egress_bytes_per_day: limit,
  max_egress_bytes_per_month: limit,
});

/**
 * Validates the settings of a backup.
 *
 * @param settings the result of the SQL function `all_settings`
 * @throws HoldfastError `settings_invalid`, which names every setting that is wrong
 */
export function checkBackupSettings(settings: unknown): void {
  const result = backupSettingsSchema.safeParse(settings);
  if (result.success) return;
  throw invalidSettings(
    faultsOf(result.error).map((fault) => ({ ...fault, path: `holdfast.settings ${fault.path}` })),
  );
}
