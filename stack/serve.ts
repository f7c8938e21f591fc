/**
 * Runs a stack for the parent process. It writes the URL of its control API as the only line to
 * standard output, and stops when its standard input ends.
 */
import { serveControl } from "./control.ts";
import { untilInterrupted } from "./interrupt.ts";
import { startStack } from "./stack.ts";

const interrupted = untilInterrupted();
await serve();
// A pending read of standard input would keep the process alive.
Deno.exit(0);

async function serve(): Promise<void> {
  await using stack = await startStack();
  await using control = serveControl(stack);
  console.log(control.url);
  await Promise.race([interrupted, endOfInput()]);
}

async function endOfInput(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
}
