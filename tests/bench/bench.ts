/** What the rows of the bench share: one Postgres, one folder, settings. */
import { join } from "node:path";
import { type PostgresCluster, startPostgres } from "../../stack/postgres/cluster.ts";
import { createWorkspace, type Workspace } from "../../stack/process/workspace.ts";
import { CERTIFICATE } from "../unit/stack/s3/certificate.ts";

/** How much is measured: `quick` says little but that it works, `full` takes more turns of more. */
export type Extent = "quick" | "usual" | "full";

/** Everything that a row may build on. Nothing is started before it is asked for. */
export class Bench implements AsyncDisposable {
  readonly #disposal = new AsyncDisposableStack();
  #workspace: Promise<Workspace> | undefined;
  #postgres: Promise<PostgresCluster> | undefined;
  readonly #results = new Map<string, Promise<unknown>>();

  /** `say` tells whoever waits what is going on. */
  constructor(readonly extent: Extent, readonly say: (text: string) => void) {}

  /** The value for this bench's extent. */
  pick<Value>(values: Record<Extent, Value>): Value {
    return values[this.extent];
  }

  /** What was measured under a name: rows that read one measurement from two sides make it once. */
  once<Result>(name: string, measure: () => Promise<Result>): Promise<Result> {
    const measured = this.#results.get(name) ?? measure();
    this.#results.set(name, measured);
    return measured as Promise<Result>;
  }

  get workspace(): Promise<Workspace> {
    return this.#workspace ??= (async () => this.#disposal.use(await createWorkspace()))();
  }

  /** Postgres as durable as a project's and with a small one's memory; statements are counted. */
  get postgres(): Promise<PostgresCluster> {
    return this.#postgres ??= (async () => {
      const workspace = await this.workspace;
      const settings = {
        shared_preload_libraries: "pg_stat_statements",
        shared_buffers: "256MB",
        max_wal_size: "8GB",
      };
      return this.#disposal.use(await startPostgres({ workspace, fsync: true, settings }));
    })();
  }

  /** The file that holds the certificate of the bench's servers, for whoever must trust it. */
  async certificateFile(): Promise<string> {
    const path = join((await this.workspace).path, "certificate.pem");
    await Deno.writeTextFile(path, CERTIFICATE.cert);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disposal.disposeAsync();
  }
}
