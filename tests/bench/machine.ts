/** The machine of the measurements and the versions of the software. */
import { totalmem } from "node:os";
import { connect } from "../../stack/postgres/connection.ts";
import { CURRENT_DENO, EDGE_RUNTIME_DENO } from "../../stack/process/deno_versions.ts";
import type { Bench } from "./bench.ts";
import { rcloneVersion } from "./support/rclone.ts";

/** Processor, cores, memory, system and the load averages of 1, 5 and 15 minutes. */
export async function describeMachine(): Promise<string> {
  const gib = Math.round(totalmem() / 1024 ** 3);
  const { os, arch } = Deno.build;
  const processor = await processorName() ?? arch;
  return `${processor}, ${navigator.hardwareConcurrency} cores, ${gib} GiB, ${os} ` +
    `${Deno.osRelease()}, load ${Deno.loadavg().map((load) => load.toFixed(1)).join(" ")}`;
}

/** Versions of the measured software. */
export async function describePrograms(bench: Bench): Promise<string> {
  await using sql = connect((await bench.postgres).adminUrl("postgres"));
  const [row] = await sql<{ version: string }[]>`
    select split_part(current_setting('server_version'), ' ', 1) as version`;
  const rclone = await rcloneVersion();
  return `Deno ${CURRENT_DENO} and ${EDGE_RUNTIME_DENO}, PostgreSQL ${row!.version}, ` +
    (rclone ? `rclone ${rclone}` : "without rclone");
}

async function processorName(): Promise<string | undefined> {
  try {
    const text = await Deno.readTextFile("/proc/cpuinfo");
    return /^model name\s*:\s*(.*)$/m.exec(text)?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
