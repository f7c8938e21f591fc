/** `deno task bench`: measures what docs/PERFORMANCE.md promises. */
import { parseArgs } from "node:util";
import { untilInterrupted } from "../stack/interrupt.ts";
import { Bench, type Extent } from "./bench.ts";
import { describeMachine } from "./machine.ts";
import { formatJson, formatTable } from "./report.ts";
import type { Measure, Row } from "./row.ts";
import { ROWS } from "./rows/mod.ts";

const USAGE = `deno task bench [options]
  --only NAME   this row alone; may be repeated. Rows:
${ROWS.map(({ name }) => `                ${name}`).join("\n")}
  --quick       small sizes, one turn: whether it works, not how fast it is
  --full        all sizes, more turns: takes most of an hour
  --json        one JSON object a line: name, value, unit, target, ok`;

interface Options {
  readonly rows: readonly Row[];
  readonly extent: Extent;
  readonly json: boolean;
}

untilInterrupted().then(() => Deno.exit(130)); // the workspace's watchdog clears up
Deno.exit(await run(readOptions()));

/** Returns the exit status: 1 where a row failed; a target that was missed is no failure. */
async function run({ rows, extent, json }: Options): Promise<number> {
  const say = (text: string) => console.error(`bench: ${text}`);
  const measures: Measure[] = [];
  let failed = false;
  await using bench = new Bench(extent, say);
  if (!json) console.log(`${await describeMachine()}\n`);
  for (const row of rows) {
    say(row.name);
    try {
      for (const measure of await row.measure(bench)) {
        measures.push(measure);
        if (json) console.log(formatJson(measure));
      }
    } catch (error) {
      failed = true;
      console.error(`bench: ${row.name} failed:`, error);
    }
  }
  if (!json) console.log(formatTable(measures));
  return failed ? 1 : 0;
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        only: { type: "string", multiple: true, default: [] },
        quick: { type: "boolean", default: false },
        full: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const unknown = values.only.filter((name) => !ROWS.some((row) => row.name === name));
    if (unknown.length > 0) throw new TypeError(`there is no row ${unknown.join(", ")}`);
    return {
      rows: ROWS.filter(({ name }) => values.only.length === 0 || values.only.includes(name)),
      extent: values.full ? "full" : values.quick ? "quick" : "usual",
      json: values.json,
    };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
