import type { ControlFailure } from "./control.ts";
import type { Input, OperationName, Output } from "./control/operations.ts";
import { type LaunchedStack, launchStack } from "./launch.ts";
import { ProjectClient } from "./project_client.ts";

/** The environment variable that names a running stack. */
export const STACK_URL_VARIABLE = "HOLDFAST_STACK_URL";

/** What the stack would not or could not do; `code`, `hint` and `detail` are PostgreSQL's. */
export class StackError extends Error {
  override name = "StackError";
  readonly code: string | undefined;
  readonly hint: string | undefined;
  readonly detail: string | undefined;

  constructor(operation: string, failure: ControlFailure) {
    super(`${operation}: ${failure.message}`);
    this.code = failure.code;
    this.hint = failure.hint;
    this.detail = failure.detail;
  }
}

/** A stack as another process sees it. */
export class StackClient implements AsyncDisposable {
  constructor(readonly url: string, readonly launched?: LaunchedStack) {}

  /**
   * Has the stack do something: every operation of control/operations.ts, by name.
   *
   * @throws {StackError} where the stack refuses or fails
   */
  async call<Name extends OperationName>(
    operation: Name,
    input: Input<Name>,
  ): Promise<Output<Name>> {
    const response = await fetch(`${this.url}/${operation}`, {
      method: "POST",
      body: JSON.stringify(input),
    });
    const answer: { result: Output<Name> } | { failure: ControlFailure } = await response.json();
    if ("failure" in answer) throw new StackError(operation, answer.failure);
    return answer.result;
  }

  /** Makes a project, which ends with the block that holds it by `await using`. */
  async createProject(options: Input<"createProject"> = {}): Promise<ProjectClient> {
    return new ProjectClient(this, await this.call("createProject", options));
  }

  /**
   * Borrows a project that looks new, its functions in the stack's process, until the end of the block
   * that holds it by `await using`.
   */
  async acquireProject(options: Input<"acquireProject"> = {}): Promise<ProjectClient> {
    return new ProjectClient(this, await this.call("acquireProject", options));
  }

  /** Makes an empty bucket and the secrets that point Holdfast to it. */
  createRepositoryBucket(
    options: Input<"createRepositoryBucket"> = {},
  ): Promise<Output<"createRepositoryBucket">> {
    return this.call("createRepositoryBucket", options);
  }

  /** What the S3 server was asked since the last reset, about one bucket or all. */
  s3Requests(bucket?: string): Promise<Output<"s3Requests">> {
    return this.call("s3Requests", { bucket });
  }

  /** Restarts PostgreSQL; `immediate` is a crash. */
  async restartPostgres(mode?: "fast" | "immediate"): Promise<void> {
    await this.call("restartPostgres", { mode });
  }

  /** Ends the stack where it was started by {@link connectStack}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.launched?.stop();
  }
}

/**
 * The stack of the environment, or else one of our own, so that a single test file can be run
 * alone. Our own one ends with our process, or with the block that holds the client.
 */
export async function connectStack(): Promise<StackClient> {
  const url = Deno.env.get(STACK_URL_VARIABLE);
  if (url) return new StackClient(url);
  const launched = await launchStack();
  return new StackClient(launched.url, launched);
}
