import type { FaultProxy, Request } from "../proxy/fault_proxy.ts";
import { WorkerDied } from "../proxy/step.ts";
import type { SimulatedProject } from "../environment/project.ts";
import type { Servers } from "../environment/servers.ts";
import type { Post, Start, Workers } from "../environment/workers.ts";
import type { ProjectFunctions } from "./functions.ts";

/** A project's functions as workers. A crash at the proxy kills their processes. */
export class ProcessWorkers implements Workers {
  #worker;
  #killing: Promise<void> | undefined;
  readonly #calls = new Set<Promise<void>>();

  private constructor(
    readonly project: SimulatedProject,
    readonly proxy: FaultProxy,
    readonly functions: ProjectFunctions,
  ) {
    this.#worker = proxy.openWorker("processes");
  }

  /** Connects a project's functions to an environment and kills what ran in an earlier one. */
  static async open(
    servers: Servers,
    project: SimulatedProject,
    proxy: FaultProxy,
  ): Promise<ProcessWorkers> {
    const functions = await servers.functionsOf(project);
    await functions.kill();
    const workers = new ProcessWorkers(project, proxy, functions);
    functions.handler = {
      pass: (request) => workers.#pass(request),
      exchanged: (exchange) => {
        const origin = exchange.party === "storage" ? project.url : servers.s3Endpoint;
        proxy.exchanges.push({ ...exchange, origin, step: proxy.steps.length });
      },
    };
    return workers;
  }

  start(start: Start): void {
    this.#call(async () => {
      const scope = start.kind === "restore" ? "restore" : "operate";
      const [row] = await this.project.sql<{ key: string }[]>`
        select holdfast.create_key(${scope}, ${crypto.randomUUID()}) as key`;
      return { ...routeOf(start, this.project.url), headers: { apikey: row!.key } };
    });
  }

  take(post: Post): void {
    this.#call(() => Promise.resolve(post));
  }

  async quiet(): Promise<void> {
    do {
      await Promise.all(this.#calls);
      await this.functions.host.idle();
    } while (this.#calls.size > 0);
  }

  /** Calls a function and ignores its response, which may never arrive. */
  #call(make: () => Promise<Post>): void {
    const call = (async () => {
      const { url, headers, body } = await make();
      const response = await fetch(url, { method: "POST", headers, body });
      await response.body?.cancel();
    })().catch(() => undefined).finally(() => this.#calls.delete(call));
    this.#calls.add(call);
  }

  async #pass<Result>(request: Request<Result>): Promise<Result> {
    const worker = this.#worker;
    try {
      return await this.proxy.pass(worker, request);
    } catch (error) {
      if (error instanceof WorkerDied) await (this.#killing ??= this.#kill());
      throw error;
    }
  }

  /** The crashed worker's requests are refused until the last of its processes has ended. */
  async #kill(): Promise<void> {
    await this.functions.kill();
    this.#worker = this.proxy.openWorker("processes");
    this.#killing = undefined;
  }
}

/** The route and the body that start a run. */
function routeOf(start: Start, url: string): Omit<Post, "headers"> {
  const base = `${url}/functions/v1`;
  switch (start.kind) {
    case "backup":
      return { url: `${base}/holdfast-backup/runs`, body: "" };
    case "import":
      return start.takeOver
        ? { url: `${base}/holdfast-backup/take-over`, body: JSON.stringify({ force: true }) }
        : { url: `${base}/holdfast-backup/imports`, body: "" };
    case "restore": {
      const { snapshot = "latest", overwrite = "never" } = start;
      const body = JSON.stringify({ snapshot, overwrite, dry_run: false });
      return { url: `${base}/holdfast-restore/runs`, body };
    }
  }
}
