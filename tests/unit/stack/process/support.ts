/** A unique text in the command lines of this test's processes. */
export function tokenOf(name: string): string {
  return `holdfast-test-${name}-${crypto.randomUUID()}`;
}

/** Whether any process has `text` in its command line. */
export async function livesWith(text: string): Promise<boolean> {
  return (await processesWith(text)).length > 0;
}

/** The ids of the processes that have `text` in their command line; zombies have no command line. */
export async function processesWith(text: string): Promise<number[]> {
  const found: number[] = [];
  for (const { pid, command } of await commandLines()) {
    if (command.includes(text)) found.push(pid);
  }
  return found;
}

/** Reads /proc if it exists, because slim images have no `ps`. */
async function commandLines(): Promise<{ pid: number; command: string }[]> {
  if (Deno.build.os !== "linux") return await commandLinesByPs();
  const lines: { pid: number; command: string }[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // It may have ended since the folder was read.
    const text = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    lines.push({ pid: Number(name), command: text.replaceAll("\0", " ") });
  }
  return lines;
}

async function commandLinesByPs() {
  const { stdout } = await new Deno.Command("ps", { args: ["-A", "-o", "pid=,args="] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => {
    const [, pid, command] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return { pid: Number(pid), command: command ?? "" };
  });
}

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Waits until `present` returns false, for twenty seconds at most. */
export async function untilAbsent(present: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (await present()) {
    if (Date.now() > deadline) throw new Error("it is still there after 20 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
