/** The machine that figures were measured on, in a line. */
import { totalmem } from "node:os";

/** Processor, cores, memory, system and what shares the measurement. */
export async function describeMachine(): Promise<string> {
  const gib = Math.round(totalmem() / 1024 ** 3);
  const { os, arch } = Deno.build;
  const processor = await processorName() ?? arch;
  return `${processor}, ${navigator.hardwareConcurrency} cores, ${gib} GiB, ${os} ` +
    `${Deno.osRelease()}, load ${Deno.loadavg().map((load) => load.toFixed(1)).join(" ")}`;
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
