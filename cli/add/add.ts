import { resolve } from "node:path";
import { applyChanges, fileWriter, type Writer } from "./apply.ts";
import { AddError } from "./errors.ts";
import { type Command, parseOptions, USAGE } from "./options.ts";
import { makePlan, type Plan } from "./plan.ts";
import { findProject } from "./project.ts";
import { describeNextSteps, describePlan } from "./report.ts";
import { readShipped } from "./shipped.ts";
import { writeSql } from "./sql.ts";

/** The input and output of `add`. Tests pass their own. */
export interface AddEnvironment {
  /** Absolute path of the Holdfast checkout that `add` copies from. */
  checkout: string;
  /** Absolute path that a relative PATH is resolved against. */
  workingDirectory: string;
  now(): Date;
  print(text: string): void;
  printError(text: string): void;
  /** Asks a yes or no question; undefined if there is no terminal. */
  ask: ((question: string) => boolean) | undefined;
  writer?: Writer;
}

/**
 * `deno task add`: copies Holdfast into a Supabase project's folder, or upgrades it there.
 *
 * @returns the exit status: 0 done, 1 refused, 2 wrong command line
 */
export async function runAdd(args: string[], environment: AddEnvironment): Promise<number> {
  try {
    const command = parseOptions(args);
    if (command.kind === "help") environment.print(USAGE);
    else if (command.kind === "sql") await writeSql(command, environment);
    else await install(command, environment);
    return 0;
  } catch (error) {
    if (!(error instanceof AddError)) throw error;
    environment.printError(`error: ${error.message}\n`);
    return error.exitCode;
  }
}

async function install(
  command: Extract<Command, { kind: "install" }>,
  environment: AddEnvironment,
): Promise<void> {
  const { print, checkout } = environment;
  const project = await findProject(resolve(environment.workingDirectory, command.path), checkout);
  const shipped = await readShipped(checkout);
  const plan = await makePlan(shipped, project, { now: environment.now(), force: command.force });
  print(`Holdfast ${shipped.version} for ${project.supabase}\n\n`);
  const description = describePlan(plan);
  if (description !== "") print(`${description}\n`);
  refuseEdited(plan, command.force);
  if (plan.changes.length === 0) {
    print("All of it is there already: nothing to change.\n");
  } else {
    if (command.dry_run) return print("Dry run: nothing was written.\n");
    if (!command.yes) confirm(environment);
    await applyChanges(project.supabase, plan.changes, environment.writer ?? fileWriter);
    print("Done.\n");
  }
  if (!command.dry_run) print(`\n${describeNextSteps()}`);
}

function refuseEdited(plan: Plan, force: boolean) {
  if (force || plan.edited.length === 0) return;
  throw new AddError(
    "edited_files",
    `These files of Holdfast are not as it left them (the diff above is what would happen):\n` +
      plan.edited.map((path) => `  supabase/${path}\n`).join("") +
      "Nothing was written. To give up the changes made there, run this again with --force.",
  );
}

function confirm({ ask }: AddEnvironment) {
  if (ask === undefined) {
    throw new AddError(
      "no_terminal",
      "There is no terminal to ask on. Nothing was written.\n" +
        "Run this again with --yes to write, or with --dry-run to look only.",
      2,
    );
  }
  if (!ask("Write this?")) throw new AddError("declined", "Nothing was written.");
}
