/** Entry of `deno task add`. */
import { runAdd } from "./add.ts";
import { fileURLToPath } from "node:url";

const encoder = new TextEncoder();

/** Writes all of the text, also into a pipe. console.log is not used, as it adds a line end. */
function write(stream: { writeSync(bytes: Uint8Array): number }, text: string) {
  let rest = encoder.encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch (error) {
    // The reader (`| head`) has closed the pipe.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

Deno.exitCode = await runAdd(Deno.args, {
  checkout: fileURLToPath(new URL("../..", import.meta.url)),
  // `deno task` changes into the checkout; INIT_CWD is the folder in which the user called it.
  workingDirectory: Deno.env.get("INIT_CWD") ?? Deno.cwd(),
  now: () => new Date(),
  print: (text) => write(Deno.stdout, text),
  printError: (text) => write(Deno.stderr, text),
  ask: Deno.stdin.isTerminal() ? confirm : undefined,
});
