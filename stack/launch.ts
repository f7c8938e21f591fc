import { fileURLToPath } from "node:url";

const SERVE = fileURLToPath(new URL("./serve.ts", import.meta.url));

/** A stack in a separate process. */
export interface LaunchedStack extends AsyncDisposable {
  /** The control API: HOLDFAST_STACK_URL. */
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process has ended for any reason. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** Stops the stack and waits until its process has ended. */
  stop(): Promise<void>;
}

/**
 * Starts a stack in a separate process. The stack stops when this process ends.
 *
 * @param environment additional variables, such as HOLDFAST_POSTGRES_BIN
 * @throws Error if it does not start; the stack writes the cause to standard error
 */
export async function launchStack(
  environment: Record<string, string> = {},
): Promise<LaunchedStack> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", SERVE],
    env: environment,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const url = await firstLine(child.stdout);
  if (url === "") {
    await child.stdin.close();
    const { code } = await child.status;
    throw new Error(`the stack did not come up (status ${code})`);
  }
  let stopping: Promise<void> | undefined;
  async function stopOnce() {
    // The stack stops at the end of its input. The same happens if this process is killed.
    await child.stdin.close();
    await child.status;
  }
  const stop = () => stopping ??= stopOnce();
  return { url, pid: child.pid, ended: child.status, stop, [Symbol.asyncDispose]: stop };
}

async function firstLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  // Leaving the loop cancels the stream. The stack writes only one line to it.
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0]!;
}
