/** CPU and memory of processes, read from the kernel, so that the processes are not disturbed. */

/** Clock ticks per second of /proc/<pid>/stat, which are the same on every Linux. */
const TICKS_PER_SECOND = 100;

/**
 * CPU of a process's main thread so far, milliseconds of user and system time together. In Deno
 * that is JavaScript, the event loop and TLS; garbage collector, compiler and WebCrypto have
 * threads of their own, as an isolate of Edge Runtime has.
 *
 * @throws Deno.errors.NotFound if the process has ended, or the system is not Linux
 */
export function mainThreadCpuMs(pid: number): number {
  try {
    // Nanoseconds on the CPU of the process's first thread.
    return Number(Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ")[0]) / 1e6;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return ticksMs(Deno.readTextFileSync(`/proc/${pid}/task/${pid}/stat`));
  }
}

/** utime and stime, the 14th and 15th field; the name before them may hold spaces. */
function ticksMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS_PER_SECOND;
}

/** The peak resident memory of a process, in bytes. @throws as {@link mainThreadCpuMs} */
export function peakResidentBytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
