/** `deno task bench`: measures what docs/PERFORMANCE.md promises. */
import { parseArgs } from "node:util";
import { untilInterrupted } from "../../stack/interrupt.ts";
import { Bench, type Extent } from "./bench.ts";
import { writeIntoDocument } from "./document.ts";
import { describeMachine, describePrograms } from "./machine.ts";
import { formatJson, formatTable } from "./report.ts";
import type { Measure, Row } from "./row.ts";
import { ROWS } from "./rows/mod.ts";

const USAGE = `deno task bench [options]
  --only NAME   this row alone; may be repeated. Rows:
${ROWS.map(({ name }) => `                ${name}`).join("\n")}
  --quick       small sizes, one iteration: shows that the bench works, not how fast Holdfast is
  --full        more objects and more iterations
  --json        one JSON object a line: name, value, unit, target, ok
  --write       puts the table into docs/PERFORMANCE.md; of all rows only`;

interface Options {
  readonly rows: readonly Row[];
  readonly extent: Extent;
  readonly json: boolean;
  readonly write: boolean;
}

const say = (text: string) => console.error(`bench: ${text}`);

untilInterrupted().then(() => Deno.exit(130)); // the workspace's watchdog cleans up
Deno.exit(await run(readOptions()));

/** Returns the exit status: 1 if a row failed. A missed target is not a failure. */
async function run({ rows, extent, json, write }: Options): Promise<number> {
  await using bench = new Bench(extent, say);
  const machine = await describeMachine();
  say(machine);
  const measures: Measure[] = [];
  for (const row of rows) {
    for (const measure of await measureRow(row, bench)) {
      measures.push(measure);
      if (json) console.log(formatJson(measure));
    }
  }
  if (!json || write) {
    const date = new Date().toISOString().slice(0, 10);
    const where = `Measured on ${date}: ${machine}; ${await describePrograms(bench)}.`;
    const report = `${where}\n\n${formatTable(measures)}`;
    if (!json) console.log(report);
    if (write) await writeIntoDocument(report);
  }
  return measures.some(({ failed }) => failed) ? 1 : 0;
}

/**
 * The measures of a row. A row that throws becomes a failed measure, and the other rows continue.
 */
async function measureRow(row: Row, bench: Bench): Promise<Measure[]> {
  say(row.name);
  const begun = performance.now();
  try {
    return await row.measure(bench);
  } catch (error) {
    console.error(`bench: ${row.name} failed:`, error);
    const [message] = String(error).split("\n");
    return [{ name: row.name, unit: "", failed: true, note: message!.replaceAll("|", "\\|") }];
  } finally {
    say(`${row.name} took ${Math.round((performance.now() - begun) / 1000)} s`);
  }
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
        write: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      Deno.exit(0);
    }
    const unknown = values.only.filter((name) => !ROWS.some((row) => row.name === name));
    if (unknown.length > 0) throw new TypeError(`there is no row ${unknown.join(", ")}`);
    if (values.write && values.only.length > 0) {
      throw new TypeError("--write is for a table of all rows: leave --only out");
    }
    return {
      rows: ROWS.filter(({ name }) => values.only.length === 0 || values.only.includes(name)),
      extent: values.full ? "full" : values.quick ? "quick" : "usual",
      json: values.json,
      write: values.write,
    };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
