import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { runAdd } from "../../../cli/add/add.ts";
import type { Writer } from "../../../cli/add/apply.ts";
import { type CliResult, runSupabase } from "../../../tools/check/supabase_cli.ts";
import { createWorkspace, type Workspace } from "../../../stack/process/workspace.ts";

/** This repository. */
export const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));

/** The files of a folder: path with `/` → text. */
export type Tree = Record<string, string>;

/** The output of `supabase init`, reduced to the lines that tests check. */
export const CONFIG = `# For detailed configuration reference documentation, visit:
project_id = "my-app"

[api]
port = 54321 # as always
schemas = ["public", "graphql_public"]
`;

/** A small checkout of Holdfast. Tests upgrade from and to it without changing the real one. */
export const CHECKOUT: Tree = {
  "supabase/functions/_holdfast/config/version.ts": 'export const VERSION = "0.1.0";\n',
  "supabase/functions/_holdfast/engine/slice.ts": 'export const slice = "one";\n',
  "supabase/functions/_holdfast/engine/slice_test.ts": "never ships\n",
  "supabase/functions/_holdfast/tests/support.ts": "never ships\n",
  "supabase/functions/holdfast-api/deno.json": "{}\n",
  "supabase/functions/holdfast-api/index.ts": 'import "../_holdfast/engine/slice.ts";\n',
  "supabase/functions/holdfast-backup/deno.json": "{}\n",
  "supabase/functions/holdfast-backup/index.ts": 'import "../_holdfast/engine/slice.ts";\n',
  "supabase/functions/holdfast-backup/.env": "NEVER=ships\n",
  "supabase/functions/hello/index.ts": "never ships\n",
  "supabase/migrations/20260101000000_holdfast_schema.sql": "create schema holdfast;\n",
  "supabase/migrations/20260101000100_holdfast_runs.sql": "create table holdfast.runs ();\n",
  "supabase/schemas/tables/runs.sql": "never ships\n",
};

/** The checkout's files in a project, with the first two times of `NOW`. */
export const INSTALLED = [
  "functions/_holdfast/config/version.ts",
  "functions/_holdfast/engine/slice.ts",
  "functions/holdfast-api/deno.json",
  "functions/holdfast-api/index.ts",
  "functions/holdfast-backup/deno.json",
  "functions/holdfast-backup/index.ts",
  "holdfast.lock.json",
  "migrations/20261121115960_holdfast_schema.sql",
  "migrations/20261121115961_holdfast_runs.sql",
];

/** The fixed current time of every test. */
export const NOW = new Date("2026-11-21T12:00:00Z");

/** The exit status and output of a run of `add`. */
export interface AddResult {
  status: number;
  output: string;
  errors: string;
}

/** A temporary folder with a checkout and a Supabase project, and the tools to use them. */
export class Scene implements AsyncDisposable {
  readonly checkout: string;
  readonly project: string;
  readonly home: string;

  private constructor(readonly workspace: Workspace) {
    this.checkout = join(workspace.path, "checkout");
    this.project = join(workspace.path, "my app");
    this.home = join(workspace.path, "home");
  }

  static async create(project: Tree = {}, checkout: Tree = CHECKOUT): Promise<Scene> {
    const scene = new Scene(await createWorkspace());
    await Deno.mkdir(scene.home);
    await writeTree(scene.checkout, checkout);
    await writeTree(scene.project, { "supabase/config.toml": CONFIG, ...project });
    return scene;
  }

  /** Runs `add` in this process. `answer` is the user's input on the terminal, if there is one. */
  async add(
    args: string[],
    options: { answer?: () => boolean; now?: Date; writer?: Writer; checkout?: string } = {},
  ): Promise<AddResult> {
    const result: AddResult = { status: 0, output: "", errors: "" };
    result.status = await runAdd(args, {
      checkout: options.checkout ?? this.checkout,
      workingDirectory: this.workspace.path,
      now: () => options.now ?? NOW,
      print: (text) => void (result.output += text),
      printError: (text) => void (result.errors += text),
      ask: options.answer,
      ...(options.writer && { writer: options.writer }),
    });
    return result;
  }

  /** Installs Holdfast, and fails the test if that is refused. */
  async install(...args: string[]): Promise<AddResult> {
    const result = await this.add([this.project, "--yes", ...args]);
    assert.equal(result.status, 0, result.errors);
    return result;
  }

  /** Expects a refusal that changes no file. */
  async refused(args: string[], message: RegExp, status = 1): Promise<AddResult> {
    const before = await this.files();
    const result = await this.add(args);
    assert.match(result.errors, message);
    assert.equal(result.status, status);
    assert.deepEqual(await this.files(), before, "a refusal writes nothing");
    return result;
  }

  /** The files of the project's supabase folder. */
  files(): Promise<Tree> {
    return readTree(join(this.project, "supabase"));
  }

  /** Writes files of the project's supabase folder; null removes one. */
  async change(files: Record<string, string | null>, top = join(this.project, "supabase")) {
    for (const [path, text] of Object.entries(files)) {
      if (text === null) await Deno.remove(join(top, path), { recursive: true });
      else await writeTree(top, { [path]: text });
    }
  }

  /** Turns the checkout into another version of Holdfast. */
  release(files: Record<string, string | null>): Promise<void> {
    return this.change(files, join(this.checkout, "supabase"));
  }

  /** Runs the pinned Supabase CLI on the project. */
  supabase(args: string[], environment?: Record<string, string>): Promise<CliResult> {
    return runSupabase(["--workdir", this.project, "--yes", ...args], this.home, environment);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.workspace.dispose();
  }
}

/** Writes files and creates their folders. */
export async function writeTree(folder: string, tree: Tree): Promise<void> {
  for (const [path, text] of Object.entries(tree)) {
    await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
    await Deno.writeTextFile(join(folder, path), text);
  }
}

/** Reads all files below a folder, with byte order marks. */
export async function readTree(folder: string, top = folder, into: Tree = {}): Promise<Tree> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) await readTree(path, top, into);
    else into[relative(top, path).replaceAll("\\", "/")] = decode(await Deno.readFile(path));
  }
  return into;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
