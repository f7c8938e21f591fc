import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findUnknown, type Help, helpOf } from "../../../../tools/check/cli_checks.ts";
import { type CodeBlock, codeBlocks } from "../../../../tools/check/markdown.ts";
import { type CliResult, runSupabase } from "../../../../tools/check/supabase_cli.ts";
import { connect } from "../../../../stack/postgres/connection.ts";
import { CURRENT_DENO } from "../../../../stack/process/deno_versions.ts";
import { createWorkspace, type Workspace } from "../../../../stack/process/workspace.ts";
import { createRepository, type RepositoryBucket, TestProject } from "../../../support/project.ts";
import { curl } from "./curl.ts";
import { readShell, type ShellCommand } from "./shell.ts";

const REPOSITORY = fileURLToPath(new URL("../../../../", import.meta.url));

const FUNCTIONS = ["holdfast-backup", "holdfast-restore", "holdfast-api"];

/** What the documents write where the reader has something of his own. */
const PROJECT_URL = "https://<ref>.supabase.co";
const PROJECT_FOLDER = "../my-project";

/** Commands that call Supabase's own servers: not run, but checked against the CLI's help. */
const REMOTE = [
  "login",
  "link",
  "secrets set",
  "secrets unset",
  "functions deploy",
  "functions delete",
];

/** The blocks of a document of this repository. */
export async function blocksOf(file: string): Promise<CodeBlock[]> {
  return codeBlocks(await Deno.readTextFile(join(REPOSITORY, file)));
}

/**
 * Somebody with a Supabase project of his own who does what a document says, block by block. What
 * he would do outside of the blocks, the tests do for him.
 */
export class User implements AsyncDisposable {
  readonly #workspace: Workspace;
  readonly #help: Help;
  readonly #exported = new Map<string, string>();
  /** The keys that he was shown, each under how the documents begin and end one of its scope. */
  readonly #keys = new Map<string, string>();
  #secrets = "";
  #project: TestProject | undefined;
  /** The run that the last answer named. */
  #run: string | undefined;
  /** The JSON that curl answered, newest last. */
  readonly answers: Record<string, unknown>[] = [];

  private constructor(workspace: Workspace, readonly repository: RepositoryBucket) {
    this.#workspace = workspace;
    this.#help = helpOf({ scratch: workspace.path });
  }

  /** A user with a folder as `supabase init` makes it, and an S3 bucket. */
  static async create(repository?: RepositoryBucket): Promise<User> {
    const workspace = await createWorkspace();
    const user = new User(workspace, repository ?? await createRepository());
    await Deno.mkdir(user.folder);
    const { code, stderr } = await user.#supabase(["init"]);
    assert.equal(code, 0, stderr);
    return user;
  }

  /** The folder of his Supabase project. */
  get folder(): string {
    return join(this.#workspace.path, "my-project");
  }

  /** His project, once something was done to it. */
  get project(): TestProject {
    assert.ok(this.#project, "nothing was done to the project yet");
    return this.#project;
  }

  /** Does what a block says. Blocks of an unknown kind are a mistake. */
  async follow({ language, text, line }: CodeBlock, file: string): Promise<void> {
    const location = `${file}:${line}`;
    try {
      if (language === "sh") await this.#shell(this.#fill(text), location);
      else if (language === "sql") await this.#sql(this.#fill(text));
      else if (language === "ini") this.#secrets = text;
      // Policies of a server that is not here: they have to be JSON at least.
      else if (language === "json") JSON.parse(text);
      else throw new Error(`nobody knows what to do with a block of ${language || "no language"}`);
    } catch (error) {
      throw new Error(`${location}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }

  /** Does what the blocks say, one after the other. */
  async followAll(blocks: readonly CodeBlock[], file: string): Promise<void> {
    for (const block of blocks) await this.follow(block, file);
  }

  /** Puts in what is his own, or newer than the document. */
  #fill(text: string): string {
    let filled = text;
    if (this.#project) filled = filled.replaceAll(PROJECT_URL, this.#project.url);
    for (const [placeholder, key] of this.#keys) filled = filled.replaceAll(placeholder, key);
    if (this.#run) filled = filled.replaceAll("<id>", this.#run);
    return filled.replaceAll(/"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"/g, JSON.stringify(new Date()));
  }

  async #sql(text: string): Promise<void> {
    const project = await this.#ownProject();
    await using sql = connect(project.client.info.databaseUrl);
    // As the SQL editor sends it: several statements at once, as the role postgres.
    const results = await sql.unsafe(text).simple();
    for (const row of results.flat() as Record<string, unknown>[]) {
      for (const value of Object.values(row)) {
        const scope = /^hf_([a-z]+)_/.exec(String(value))?.[1];
        if (scope) this.#keys.set(`hf_${scope}_…`, String(value));
      }
    }
  }

  async #shell(text: string, location: string): Promise<void> {
    for (const { words, line } of this.#read(text)) {
      const [program, ...args] = words;
      if (program === "export") this.#export(args);
      else if (program === "curl") await this.#curl(args);
      else if (program === "npx" && args[0] === "supabase") {
        await this.#callSupabase(args.slice(1), `${location}+${line}`);
      } else if (program === "npx" && args[1] === `deno@${CURRENT_DENO}`) {
        assert.equal(args[0], "-y");
        assert.equal(args[2], "task");
        await this.#task(args.slice(3));
      } else throw new Error(`nobody knows how to run ${program}`);
    }
  }

  /** Line by line, for a line may export what the next one uses. */
  *#read(text: string): Generator<ShellCommand> {
    const lines = text.replaceAll("\\\n", " ").split("\n");
    for (const [line, command] of lines.entries()) {
      for (const read of readShell(command, this.#exported)) yield { ...read, line };
    }
  }

  #export(args: readonly string[]): void {
    for (const arg of args) {
      const [, name, value] = /^(\w+)=(.+)$/.exec(arg) ?? [];
      assert.ok(name, `export ${arg}`);
      assert.doesNotMatch(value!, /[<…]/, "a placeholder that nobody filled in");
      this.#exported.set(name, value!);
    }
  }

  /** Sends a request, which must succeed; a run that it starts is waited for. */
  async #curl(args: readonly string[]): Promise<void> {
    const { status, text } = await curl(args);
    assert.ok(status === 200 || status === 202, `${status} ${text}`);
    const answer: Record<string, unknown> = JSON.parse(text);
    this.answers.push(answer);
    this.#run = answer["id"] as string;
    await this.project.succeeded(this.#run);
  }

  async #callSupabase(args: readonly string[], location: string): Promise<void> {
    assert.deepEqual(await findUnknown([{ args: [...args], location }], this.#help), []);
    const command = args.filter((arg) => !arg.startsWith("-")).join(" ");
    if (command === "db push") {
      const { client } = await this.#ownProject();
      const { code, stderr } = await this.#supabase([
        ...args,
        // Not linked to one of Supabase's own; and the stack's Postgres speaks no TLS.
        "--db-url",
        `${client.info.databaseUrl}?sslmode=disable`,
      ]);
      assert.equal(code, 0, stderr);
      return;
    }
    assert.ok(REMOTE.some((remote) => `${command} `.startsWith(`${remote} `)), args.join(" "));
    if (command.startsWith("secrets set")) await this.#setSecrets(args);
    if (command.startsWith("functions deploy")) {
      assert.deepEqual(command.split(" ").slice(2).sort(), [...FUNCTIONS].sort());
    }
    if (command.startsWith("functions delete")) {
      assert.ok(
        FUNCTIONS.includes(command.split(" ")[2]!),
        `${command}: there is no such function`,
      );
    }
    if (command.startsWith("secrets unset")) {
      for (const name of command.split(" ").slice(2)) {
        assert.ok(name in this.repository.secrets, `${name}: not one of the secrets`);
      }
    }
  }

  /** Writes the file that the document shows, with his own values, and sets what is in it. */
  async #setSecrets(args: readonly string[]): Promise<void> {
    const path = args[args.indexOf("--env-file") + 1]!;
    assert.match(path, /^supabase\/\.env\.\w+\.local$/, "a name that git passes by");
    const { secrets } = this.repository;
    const lines = this.#secrets.split("\n").map((line) => {
      const [, name = ""] = /^(HOLDFAST_\w+)=./.exec(line) ?? [];
      assert.ok(name in secrets, `${line}: not one of the secrets`);
      return `${name}=${secrets[name]}`;
    });
    // What this server needs beyond the example, as it would for a reader of the table of settings.
    const prefix = secrets.HOLDFAST_S3_PREFIX;
    if (prefix !== undefined) lines.push(`HOLDFAST_S3_PREFIX=${prefix}`);
    const file = join(this.folder, path);
    await Deno.writeTextFile(file, lines.join("\n"));
    const written = (await Deno.readTextFile(file)).split("\n");
    await this.project.client.setSecrets(Object.fromEntries(written.map((line) => {
      const equals = line.indexOf("=");
      return [line.slice(0, equals), line.slice(equals + 1)];
    })));
  }

  async #task([name, ...args]: string[]): Promise<void> {
    const { tasks } = JSON.parse(await Deno.readTextFile(join(REPOSITORY, "deno.json")));
    assert.ok(name !== undefined && name in tasks, `there is no task ${name}`);
    // They have tests of their own, and the one would run this one again.
    if (name === "demo" || name === "test") return;
    assert.equal(name, "add", `nobody knows what deno task ${name} is for here`);
    // No terminal is here to answer on.
    const own = args.map((arg) => arg === PROJECT_FOLDER ? this.folder : arg);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "add", ...own, "--yes"],
      cwd: REPOSITORY,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }

  /** His project, with the functions that are in his folder; without Holdfast in its database. */
  async #ownProject(): Promise<TestProject> {
    return this.#project ??= await TestProject.create({
      directory: join(this.folder, "supabase"),
      functions: FUNCTIONS,
      migrate: false,
      secrets: {},
      repository: this.repository,
    });
  }

  #supabase(args: string[]): Promise<CliResult> {
    return runSupabase(["--workdir", this.folder, "--yes", ...args], this.#workspace.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#project?.[Symbol.asyncDispose]();
    await this.#workspace.dispose();
  }
}
