/** The formats of measures. */
import { type Limit, type Measure, reached } from "./row.ts";

/** One measure as a line of JSON. */
export function formatJson(measure: Measure): string {
  const { name, value, spread, unit, target, note } = measure;
  return JSON.stringify({
    name,
    value: value ?? null,
    unit,
    target: target ? formatLimit(target) : null,
    ok: reached(measure) ?? null,
    ...(spread && { spread: [spread.least, spread.greatest] }),
    ...(note !== undefined && { note }),
  });
}

/** Measures as a table of Markdown. */
export function formatTable(measures: readonly Measure[]): string {
  const rows = measures.map((measure) => {
    const { name, target, note = "" } = measure;
    const shown = formatValue(measure);
    const ok = { true: "yes", false: "**no**", undefined: "" }[String(reached(measure))];
    return `| ${[name, shown, target ? formatLimit(target) : "", ok, note].join(" | ")} |`;
  });
  return ["| what | measured | target | reached | |", "| --- | --- | --- | --- | --- |", ...rows]
    .join("\n");
}

function formatValue({ value, spread, unit, failed }: Measure): string {
  if (failed) return "failed";
  if (value === undefined) return "not measured here";
  const apart = spread
    ? ` (${formatNumber(spread.least)} to ${formatNumber(spread.greatest)})`
    : "";
  return `${formatNumber(value)} ${unit}${apart}`;
}

function formatLimit(limit: Limit): string {
  return "atMost" in limit
    ? `at most ${formatNumber(limit.atMost)}`
    : `at least ${formatNumber(limit.atLeast)}`;
}

/** Three significant digits, with separators of thousands. */
function formatNumber(value: number): string {
  const rounded = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
  return rounded.toLocaleString("en-US", { maximumFractionDigits: 6 });
}
