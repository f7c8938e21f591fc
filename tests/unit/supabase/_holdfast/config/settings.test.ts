import assert from "node:assert/strict";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import { checkBackupSettings } from "../../../../../supabase/functions/_holdfast/config/settings.ts";

/** The settings that a refusal names, each with its fault. */
function faults(read: () => unknown): Record<string, string> {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, "settings_invalid");
    for (const { path } of error.faults) assert.ok(error.message.includes(path));
    return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]));
  }
  return {};
}

const BACKUP = {
  buckets: null,
  include: ["**"],
  exclude: [],
  max_object_bytes: null,
  workers: 4,
  maximum_age_hours: 26,
  max_bytes_per_second: null,
  max_requests_per_second: null,
  max_egress_bytes_per_day: null,
  max_egress_bytes_per_month: null,
};

Deno.test("the backup settings are checked, and every invalid setting is named", () => {
  checkBackupSettings(BACKUP);
  checkBackupSettings({ ...BACKUP, buckets: ["a"], max_object_bytes: 1, maximum_age_hours: null });
  checkBackupSettings({
    ...BACKUP,
    max_bytes_per_second: 1e6,
    max_requests_per_second: 0.5,
    max_egress_bytes_per_day: 1e9,
    max_egress_bytes_per_month: 1e12,
  });
  const wrong = {
    buckets: ["a", ""],
    include: [],
    exclude: "**",
    max_object_bytes: 1.5,
    workers: 0,
    maximum_age_hours: "a day",
    max_bytes_per_second: 0,
    max_requests_per_second: -1,
    max_egress_bytes_per_day: "1 GB",
    max_egress_bytes_per_month: 0.5,
  };
  const named = Object.keys(faults(() => checkBackupSettings(wrong)));
  assert.deepEqual(named, [
    "holdfast.settings buckets.1",
    "holdfast.settings include",
    "holdfast.settings exclude",
    "holdfast.settings max_object_bytes",
    "holdfast.settings workers",
    "holdfast.settings maximum_age_hours",
    "holdfast.settings max_bytes_per_second",
    "holdfast.settings max_requests_per_second",
    "holdfast.settings max_egress_bytes_per_day",
    "holdfast.settings max_egress_bytes_per_month",
  ]);
  for (const nothing of [undefined, null, 1, "text", []]) {
    assert.ok(Object.keys(faults(() => checkBackupSettings(nothing))).length > 0);
  }
});
