/**
 * A stack for the process that started this one: writes the URL of its control API as the first and
 * only line of standard output, and ends with everything when its standard input does.
 */
import { serveControl } from "./control.ts";
import { untilInterrupted } from "./interrupt.ts";
import { startStack } from "./stack.ts";

const interrupted = untilInterrupted();
await serve();
// Its reading of standard input would keep the process.
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
