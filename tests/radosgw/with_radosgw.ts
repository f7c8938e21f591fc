/**
 * Runs a command with a real radosgw, whose settings are in HOLDFAST_TEST_S3_*:
 *
 *     deno run -A tests/radosgw/with_radosgw.ts deno test -A tests/conformance/s3
 *
 * Exits with the command's status. The command and the server end with this process.
 */
import { createWorkspace } from "../../stack/process/workspace.ts";
import { RadosgwError, startRadosgw } from "./start.ts";

async function main(): Promise<number> {
  const [command, ...args] = Deno.args[0] === "--" ? Deno.args.slice(1) : Deno.args;
  if (command === undefined) {
    console.error("usage: with_radosgw.ts COMMAND [ARGUMENT…]");
    return 2;
  }
  const begun = performance.now();
  await using radosgw = await startRadosgw();
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.error(`radosgw is up at ${radosgw.endpoint} after ${seconds} s`);

  await using workspace = await createWorkspace();
  const process = workspace.spawn(command, {
    command,
    args,
    cwd: Deno.cwd(),
    env: radosgw.environment,
    onLine: (line, stream) => stream === "stdout" ? console.log(line) : console.error(line),
  });
  const status = await process.status;
  return status.code;
}

try {
  Deno.exitCode = await main();
} catch (error) {
  if (!(error instanceof RadosgwError)) throw error;
  console.error(error.message);
  Deno.exitCode = 1;
}
