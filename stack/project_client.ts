import type { StackClient } from "./client.ts";
import type { Input, OperationName, Output } from "./control/operations.ts";
import type { ProjectInfo } from "./project.ts";

/** The operations that are about one project, which they name in their input. */
type ProjectOperation = {
  [Name in OperationName]: Input<Name> extends { project: string } ? Name : never;
}[OperationName];

/** A project as another process sees it. Disposing of it ends it and drops its database. */
export class ProjectClient implements AsyncDisposable {
  constructor(readonly stack: StackClient, readonly info: ProjectInfo) {}

  /** The gateway: SUPABASE_URL. */
  get url(): string {
    return this.info.url;
  }

  /**
   * Has the stack do something with this project: every operation that takes `project`, by name.
   *
   * @throws {StackError} where the stack refuses or fails
   */
  call<Name extends ProjectOperation>(
    operation: Name,
    input: Omit<Input<Name>, "project">,
  ): Promise<Output<Name>> {
    return this.stack.call(operation, { ...input, project: this.info.name } as Input<Name>);
  }

  /** Changes the functions' secrets; null takes one away. Requests from here on see them. */
  async setSecrets(secrets: Record<string, string | null>): Promise<void> {
    await this.call("setSecrets", { secrets });
  }

  /** Applies the migrations of the project's folder that it does not have yet. */
  async migrate(): Promise<void> {
    await this.call("migrate", {});
  }

  /**
   * Runs a text of SQL as the role `postgres`, in one transaction. Returns the rows of the last
   * statement, as JSON has them.
   */
  applySql(sql: string): Promise<Output<"applySql">> {
    return this.call("applySql", { sql });
  }

  /** Calls a function; `path` is what follows `/functions/v1/`. */
  callFunction(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.url}/functions/v1/${path}`, init);
  }

  /** Runs a cron job now, or all that are due now, and waits until the runs are recorded. */
  async fireCron(job?: string): Promise<void> {
    await this.call("fireCron", { job });
  }

  /** Waits until every request of pg_net is sent and answered. */
  async drainNet(): Promise<void> {
    await this.call("drainNet", {});
  }

  /** Loses the next requests of pg_net. */
  async dropNet(count: number): Promise<void> {
    await this.call("dropNet", { count });
  }

  /** What the functions wrote, or one of them. */
  functionLogs(name?: string): Promise<Output<"functionLogs">> {
    return this.call("functionLogs", { name });
  }

  /** The isolates of the functions, or of one: those that ended, with why, and those that run. */
  isolates(name?: string): Promise<Output<"isolates">> {
    return this.call("isolates", { name });
  }

  /** Kills all processes of a function; answers how many there were. */
  killFunction(name: string): Promise<number> {
    return this.call("killFunction", { name });
  }

  /** Waits until no function has a request, or a promise given to `EdgeRuntime.waitUntil`. */
  async functionsIdle(): Promise<void> {
    await this.call("functionsIdle", {});
  }

  /** What Storage was asked since the last reset. */
  storageRequests(): Promise<Output<"storageRequests">> {
    return this.call("storageRequests", {});
  }

  /** Takes away the bytes of an object; its row stays. */
  async loseBytes(bucket: string, name: string): Promise<void> {
    await this.call("loseBytes", { bucket, name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call("deleteProject", {});
  }
}
