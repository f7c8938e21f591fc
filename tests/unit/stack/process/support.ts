/** What a process of this test carries in its command line, and no other process does. */
export function tokenOf(name: string): string {
  return `holdfast-test-${name}-${crypto.randomUUID()}`;
}

/** Whether any process but the asking one has `text` in its command line. */
export async function livesWith(text: string): Promise<boolean> {
  return (await readLines("pgrep", ["-f", text])).length > 0;
}

/** The lines a command prints; none where it fails. */
export async function readLines(command: string, args: string[]): Promise<string[]> {
  const { stdout } = await new Deno.Command(command, { args, stdin: "null" }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
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

/** Waits until `present` answers false, for twenty seconds at most. */
export async function gone(present: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (await present()) {
    if (Date.now() > deadline) throw new Error("it is still there after 20 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
