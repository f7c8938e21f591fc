/** The kernel reports CPU time in units of 10 ms (USER_HZ = 100), independently of its clock. */
const MILLISECONDS_PER_TICK = 10;

/** Indexes of user and system time in the fields after the command's name: see proc_pid_stat(5). */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/**
 * Milliseconds of CPU that a process's main thread has used since its start. Deno runs JavaScript
 * on this thread. Other threads compile, collect garbage and hash. They are not counted, because
 * Edge Runtime counts only the isolate's thread.
 *
 * @returns undefined if the process has ended, or if the system is not Linux
 */
export function mainThreadCpu(pid: number): number | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) * MILLISECONDS_PER_TICK;
  } catch {
    return undefined;
  }
}
