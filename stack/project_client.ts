import type { StackClient } from "./client.ts";
import type { Input, OperationName, Output } from "./control/operations.ts";
import type { ProjectInfo } from "./project.ts";

/** The operations on one project. Their input has the field `project`. */
type ProjectOperation = {
  [Name in OperationName]: Input<Name> extends { project: string } ? Name : never;
}[OperationName];

/** A client of a project that runs in another process. Disposing of it deletes the project. */
export class ProjectClient implements AsyncDisposable {
  constructor(readonly stack: StackClient, readonly info: ProjectInfo) {}

  /** URL of the gateway: SUPABASE_URL. */
  get url(): string {
    return this.info.url;
  }

  /**
   * Calls an operation that has the input `project`, by its name.
   *
   * @throws {StackError} if the stack refuses the operation or fails
   */
  call<Name extends ProjectOperation>(
    operation: Name,
    input: Omit<Input<Name>, "project">,
  ): Promise<Output<Name>> {
    return this.stack.call(operation, { ...input, project: this.info.name } as Input<Name>);
  }

  /** Changes the functions' secrets; null removes one. Later requests see the change. */
  async setSecrets(secrets: Record<string, string | null>): Promise<void> {
    await this.call("setSecrets", { secrets });
  }

  /** Applies the missing migrations of the project's folder. */
  async migrate(): Promise<void> {
    await this.call("migrate", {});
  }

  /**
   * Runs SQL statements as the role `postgres` in one transaction. Returns the rows of the last
   * statement, with values as JSON.
   */
  applySql(sql: string): Promise<Output<"applySql">> {
    return this.call("applySql", { sql });
  }

  /** Calls a function; `path` is what follows `/functions/v1/`. */
  callFunction(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.url}/functions/v1/${path}`, init);
  }

  /** Runs one cron job, or all jobs that are due now. Resolves when the runs are recorded. */
  async fireCron(job?: string): Promise<void> {
    await this.call("fireCron", { job });
  }

  /** Waits until every pg_net request is sent and answered. */
  async drainNet(): Promise<void> {
    await this.call("drainNet", {});
  }

  /** Drops the next pg_net requests. */
  async dropNet(count: number): Promise<void> {
    await this.call("dropNet", { count });
  }

  /** The log lines of all functions, or of one. */
  functionLogs(name?: string): Promise<Output<"functionLogs">> {
    return this.call("functionLogs", { name });
  }

  /** The isolates of all functions, or of one: ended ones with their reason, and running ones. */
  isolates(name?: string): Promise<Output<"isolates">> {
    return this.call("isolates", { name });
  }

  /** Kills all processes of a function, and returns their number. */
  killFunction(name: string): Promise<number> {
    return this.call("killFunction", { name });
  }

  /** Waits until no function has a pending request or `EdgeRuntime.waitUntil` promise. */
  async functionsIdle(): Promise<void> {
    await this.call("functionsIdle", {});
  }

  /** The requests to Storage since the last reset. */
  storageRequests(): Promise<Output<"storageRequests">> {
    return this.call("storageRequests", {});
  }

  /** Deletes the bytes of an object; its row stays. */
  async loseBytes(bucket: string, name: string): Promise<void> {
    await this.call("loseBytes", { bucket, name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call("deleteProject", {});
  }
}
