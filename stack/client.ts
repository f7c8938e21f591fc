import type { ControlFailure } from "./control.ts";
import type { Input, OperationName, Output } from "./control/operations.ts";
import { type LaunchedStack, launchStack } from "./launch.ts";
import { ProjectClient } from "./project_client.ts";

/** The environment variable that names a running stack. */
export const STACK_URL_VARIABLE = "HOLDFAST_STACK_URL";

/** A failed operation of the stack; `code`, `hint` and `detail` are PostgreSQL's. */
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

/** A client of a stack that runs in another process. */
export class StackClient implements AsyncDisposable {
  constructor(readonly url: string, readonly launched?: LaunchedStack) {}

  /**
   * Calls an operation of control/operations.ts by its name.
   *
   * @throws {StackError} if the stack refuses the operation or fails
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

  /** Creates a project. `await using` deletes it at the end of the block. */
  async createProject(options: Input<"createProject"> = {}): Promise<ProjectClient> {
    return new ProjectClient(this, await this.call("createProject", options));
  }

  /**
   * Borrows a pooled project in its initial state. Its functions run in the stack's process. With
   * `await using` it is returned at the end of the block.
   */
  async acquireProject(options: Input<"acquireProject"> = {}): Promise<ProjectClient> {
    return new ProjectClient(this, await this.call("acquireProject", options));
  }

  /** Creates an empty bucket, and the secrets that configure Holdfast to use it. */
  createRepositoryBucket(
    options: Input<"createRepositoryBucket"> = {},
  ): Promise<Output<"createRepositoryBucket">> {
    return this.call("createRepositoryBucket", options);
  }

  /** The requests to the S3 server since the last reset, for one bucket or all. */
  s3Requests(bucket?: string): Promise<Output<"s3Requests">> {
    return this.call("s3Requests", { bucket });
  }

  /** Restarts PostgreSQL; `immediate` is a crash. */
  async restartPostgres(mode?: "fast" | "immediate"): Promise<void> {
    await this.call("restartPostgres", { mode });
  }

  /** Stops the stack if {@link connectStack} started it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.launched?.stop();
  }
}

/**
 * Connects to the stack that HOLDFAST_STACK_URL names. Without the variable it starts a stack, so
 * that a single test file can run alone. That stack stops when the client is disposed of or this
 * process ends.
 */
export async function connectStack(): Promise<StackClient> {
  const url = Deno.env.get(STACK_URL_VARIABLE);
  if (url) return new StackClient(url);
  const launched = await launchStack();
  return new StackClient(launched.url, launched);
}
