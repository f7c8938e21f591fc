/** The resources that the rows of the bench share: one Postgres, one folder, settings. */
import { join } from "node:path";
import { type PostgresCluster, startPostgres } from "../../stack/postgres/cluster.ts";
import { createWorkspace, type Workspace } from "../../stack/process/workspace.ts";
import { CERTIFICATE } from "../unit/stack/s3/certificate.ts";

/**
 * The extent: `quick` only shows that the bench works, `full` has more iterations of more objects.
 */
export type Extent = "quick" | "usual" | "full";

/** The resources of the rows. Each is started at its first use. */
export class Bench implements AsyncDisposable {
  readonly #disposal = new AsyncDisposableStack();
  #workspace: Promise<Workspace> | undefined;
  #postgres: Promise<PostgresCluster> | undefined;
  readonly #results = new Map<string, Promise<unknown>>();

  /** @param say reports progress to the user */
  constructor(readonly extent: Extent, readonly say: (text: string) => void) {}

  /** The value for this bench's extent. */
  pick<Value>(values: Record<Extent, Value>): Value {
    return values[this.extent];
  }

  /** The measurement of a name. Rows that share a measurement make it once. */
  once<Result>(name: string, measure: () => Promise<Result>): Promise<Result> {
    const measured = this.#results.get(name) ?? measure();
    this.#results.set(name, measured);
    return measured as Promise<Result>;
  }

  get workspace(): Promise<Workspace> {
    return this.#workspace ??= (async () => this.#disposal.use(await createWorkspace()))();
  }

  /**
   * Postgres with the durability of a project and the memory of a small one. It counts statements.
   */
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

  /** The file with the certificate of the bench's servers, for the processes that must trust it. */
  async certificateFile(): Promise<string> {
    const path = join((await this.workspace).path, "certificate.pem");
    await Deno.writeTextFile(path, CERTIFICATE.cert);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disposal.disposeAsync();
  }
}
