import { fileURLToPath } from "node:url";
import { linesOf, type Reply } from "../servers/protocol.ts";

const SERVERS = new URL("../servers/", import.meta.url);

/** A module of servers/ in its own process. It ends when its standard input ends. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #questions: WritableStreamDefaultWriter<Uint8Array>;
  readonly #replies: AsyncGenerator<string>;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#questions = process.stdin.getWriter();
    this.#replies = linesOf(process.stdout);
  }

  /**
   * Starts `servers/<module>` on a Deno binary. `environment` extends this process's environment.
   */
  static start(
    module: string,
    { deno = Deno.execPath(), options = [], environment = {} }: {
      deno?: string;
      /** Flags of `deno run`, besides permissions. */
      options?: string[];
      environment?: Record<string, string>;
    } = {},
  ): Child {
    const path = fileURLToPath(new URL(module, SERVERS));
    return new Child(
      new Deno.Command(deno, {
        args: ["run", "--quiet", "--no-prompt", "--allow-all", ...options, path],
        env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...environment },
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn(),
    );
  }

  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Sends a request and waits for the response. One request at a time. @throws Error with the
   * child's message
   */
  async ask<Output>(name: string, input: unknown = null): Promise<Output> {
    await this.#questions.write(new TextEncoder().encode(`${JSON.stringify({ name, input })}\n`));
    const { value, done } = await this.#replies.next();
    if (done) throw new Error(`the process ended instead of answering ${name}`);
    const reply: Reply = JSON.parse(value);
    if ("error" in reply) throw new Error(`${name}: ${reply.error}`);
    return reply.output as Output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#questions.close().catch(() => undefined);
    // Read to the end, or the stream stays open.
    while (!(await this.#replies.next()).done);
    await this.#process.status;
  }
}
