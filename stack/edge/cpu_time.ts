/** The kernel counts in hundredths of a second, whatever its own clock: USER_HZ. */
const MILLISECONDS_PER_TICK = 10;

/** Of the fields that follow the command's name, user and system time: see proc_pid_stat(5). */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/**
 * Milliseconds of CPU that a process's main thread has used since it started; Deno runs JavaScript
 * on it. Other threads, which compile, collect garbage and hash, are not counted, as Edge Runtime
 * counts the isolate's thread alone.
 *
 * Undefined where the process is gone, and on systems other than Linux, where nothing tells it.
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
