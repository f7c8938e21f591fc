/** The report of a restore's dry run, and its wording. */
import { z } from "zod";
import type { Run } from "./holdfast.ts";
import { bytesInWords, countOf, listInWords, NO_BREAK_SPACE } from "./words.ts";

const reportSchema = z.looseObject({
  snapshot: z.string(),
  snapshot_state: z.string(),
  to_restore: z.number(),
  bytes_to_restore: z.number(),
  unavailable: z.number(),
  would_overwrite: z.array(z.string()),
  buckets_to_create: z.array(z.string()),
  missing_policies: z.array(z.looseObject({ policyname: z.string() })),
});

/** The operations that a restore would carry out. */
export type DryRunReport = z.output<typeof reportSchema>;

/** Reads the report out of a finished dry run. */
export function reportOf(run: Run): DryRunReport {
  return reportSchema.parse(run.result);
}

/** The report as lines for the user. */
export function reportInWords(report: DryRunReport): string[] {
  const bytes = bytesInWords(report.bytes_to_restore).replaceAll(" ", NO_BREAK_SPACE);
  const policies = report.missing_policies.map(({ policyname }) => `"${policyname}"`);
  return [
    `snapshot ${report.snapshot} (${report.snapshot_state}) would make the buckets ` +
    `${listInWords(report.buckets_to_create)}, restore ${countOf(report.to_restore, "object")} ` +
    `(${bytes}), overwrite${NO_BREAK_SPACE}${report.would_overwrite.length || "none"}`,
    ...(policies.length > 0
      ? [`not in the target: policy ${listInWords(policies)}, which is shown and not made`]
      : []),
  ];
}
