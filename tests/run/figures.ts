/** Time and CPU of a group of tests. */
export interface Figures {
  readonly name: string;
  readonly wallSeconds: number;
  /** CPU of the machine, all cores together; undefined if the system does not report it. */
  readonly cpuSeconds: number | undefined;
}

/** Clock ticks per second, the unit of the kernel's CPU figures. */
const TICKS_PER_SECOND = 100;

/**
 * CPU that the machine has used since it started, in seconds: user and system time of all
 * processes. One process's time is not enough, because the tests' servers are processes of their
 * own. Linux only.
 */
export async function machineCpuSeconds(): Promise<number | undefined> {
  const text = await Deno.readTextFile("/proc/stat").catch(() => undefined);
  const ticks = text?.match(/^cpu +(\d+) (\d+) (\d+)/)?.slice(1).map(Number);
  return ticks && ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND;
}

/** A table of the figures of each group, with their sums. */
export function formatFigures(figures: readonly Figures[]): string {
  const sum = (of: (each: Figures) => number) =>
    figures.reduce((total, each) => total + of(each), 0);
  const all: Figures = {
    name: "all",
    wallSeconds: sum(({ wallSeconds }) => wallSeconds),
    cpuSeconds: figures.some(({ cpuSeconds }) => cpuSeconds === undefined)
      ? undefined
      : sum(({ cpuSeconds }) => cpuSeconds ?? 0),
  };
  const width = Math.max(...figures.map(({ name }) => name.length), 3);
  const lines = [...figures, all].map(({ name, wallSeconds, cpuSeconds }) => {
    const cpu = cpuSeconds === undefined ? "" : `${cpuSeconds.toFixed(0).padStart(7)} s CPU`;
    return `  ${name.padEnd(width)}${wallSeconds.toFixed(0).padStart(7)} s${cpu}`;
  });
  return `\nTime and CPU of the machine:\n${lines.join("\n")}\n`;
}
