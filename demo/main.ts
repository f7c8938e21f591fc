/**
 * `deno task demo`: see USAGE. The stack runs in a separate process. When this process ends for any
 * reason, the stack stops and ends everything that it started.
 */
import { StackClient } from "../stack/client.ts";
import { untilInterrupted } from "../stack/interrupt.ts";
import { type LaunchedStack, launchStack } from "../stack/launch.ts";
import { chooseObjects, resolveTyped } from "./choose_objects.ts";
import { runDemo } from "./demo.ts";
import { DemoError } from "./errors.ts";
import { parseOptions, USAGE } from "./options.ts";
import { Screen, standardOutput } from "./screen.ts";

/** The conventional exit status of a process that a signal ended: 128 plus the signal's number. */
const SIGNAL_STATUS: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

const screen = new Screen(standardOutput());
const interrupted = untilInterrupted();
Deno.exit(await main());

async function main(): Promise<number> {
  let launching: Promise<LaunchedStack> | undefined;
  const stackDied = Promise.withResolvers<never>();
  async function start(): Promise<StackClient> {
    launching = launchStack();
    const { url, ended } = await launching;
    ended.then(() => stackDied.reject(new DemoError("stack_died", "The stack ended by itself.")));
    return new StackClient(url);
  }
  try {
    return await Promise.race([untilSignal(), demonstrate(start), stackDied.promise]);
  } catch (error) {
    return explain(error);
  } finally {
    // If the stack failed to start, its process has already ended.
    const stack = await launching?.catch(() => undefined);
    await stack?.stop();
  }
}

async function demonstrate(start: () => Promise<StackClient>): Promise<number> {
  const command = parseOptions(Deno.args);
  if (command.kind === "help") {
    screen.output.write(USAGE);
    return 0;
  }
  const folder = command.files === undefined ? undefined : resolveTyped(command.files);
  const choice = await chooseObjects(folder);
  return await runDemo(start, choice, screen) ? 0 : 1;
}

async function untilSignal(): Promise<number> {
  const signal = await interrupted;
  screen.close("Interrupted: ending all that was started.");
  return SIGNAL_STATUS[signal] ?? 1;
}

function explain(error: unknown): number {
  if (error instanceof DemoError) {
    console.error(error.message);
    return error.exitStatus;
  }
  console.error("The demo ended with an error that it does not know:");
  console.error(error);
  return 1;
}
