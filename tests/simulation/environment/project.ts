import { join } from "node:path";
import type { ProjectSettings } from "../../../supabase/functions/_holdfast/settings.ts";
import type { ProjectDoors } from "../../e2e/support/project_reader.ts";
import { RepositoryReader } from "../../e2e/support/repository_reader.ts";
import { S3Bucket } from "../../e2e/support/s3_bucket.ts";
import { type ApiKeys, createApiKeys } from "../../stack/edge/api_keys.ts";
import { type GatewayServices, startGateway } from "../../stack/edge/gateway.ts";
import type { ProjectDatabase } from "../../stack/postgres/cluster.ts";
import { connect, type Connection } from "../../stack/postgres/connection.ts";
import { startStorage, type StorageServer } from "../../stack/storage/mod.ts";
import { BUCKET, REGION, type Servers } from "./servers.ts";
import { BYPASS_HEADER } from "../processes/http_proxy.ts";
import { copyFolder, type SavedState } from "./saved_state.ts";
import { storageClient } from "../../e2e/support/storage_client.ts";

/** The state in which a project is when it was made. */
const AS_MADE = "as made";

/** A project with Holdfast in it: its database and its Storage, as its admin handles them. */
export class SimulatedProject implements ProjectDoors, AsyncDisposable {
  private constructor(
    readonly name: string,
    readonly settings: ProjectSettings,
    readonly keys: ApiKeys,
    /** As the superuser, to look at everything. */
    readonly sql: Connection,
    readonly bucket: S3Bucket,
    /** Storage's bytes. */
    readonly folder: string,
    /** What its gateway leads to. */
    readonly services: GatewayServices,
    private storageServer: StorageServer,
    private readonly startStorage: () => Promise<StorageServer>,
    private readonly storageClock: { aheadMs: number },
    private readonly stack: AsyncDisposableStack,
  ) {}

  /** Starts a project on a database that has Holdfast's migrations. */
  static async start(servers: Servers, database: ProjectDatabase): Promise<SimulatedProject> {
    await using stack = new AsyncDisposableStack();
    const { name, adminUrl, databaseUrl } = database;
    const sql = stack.use(connect(adminUrl, { max: 2 }));
    await sql.unsafe(await Deno.readTextFile(new URL("./saved_rows.sql", import.meta.url)))
      .simple();
    await sql`select simulation.keep(${AS_MADE})`;
    const directory = await servers.makeFolder();
    const keys = createApiKeys(name);
    const { jwtSecret, secretKey } = keys;
    const storageClock = { aheadMs: 0 };
    const now = () => Date.now() + storageClock.aheadMs;
    const start = () => startStorage({ adminUrl, jwtSecret, directory, now });
    const storage = await start();
    const services: GatewayServices = { storageUrl: storage.url };
    const { url } = stack.use(startGateway(keys, services));
    const settings = { url, databaseUrl, secretKey };
    const location = { endpoint: servers.s3Endpoint, region: REGION, bucket: BUCKET };
    const bucket = new S3Bucket({ ...location, ...servers.credentials });
    return new SimulatedProject(
      name,
      settings,
      keys,
      sql,
      bucket,
      directory,
      services,
      storage,
      start,
      storageClock,
      stack.move(),
    );
  }

  /** Sets how far Storage's clock is ahead of the database's, milliseconds. */
  setStorageClock(aheadMs: number): void {
    this.storageClock.aheadMs = aheadMs;
  }

  /** Stops its Storage and starts it again; all connections to it end. */
  async restartStorage(): Promise<void> {
    await this.storageServer.stop();
    this.storageServer = await this.startStorage();
    this.services.storageUrl = this.storageServer.url;
  }

  /**
   * Ends all connections to its database but those of whoever looks on, as a restart does, after
   * which PostgreSQL finds its unlogged tables empty: posts that waited are lost.
   */
  async restartDatabase(): Promise<void> {
    await this.sql`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and application_name in ('holdfast', 'storage')`;
    await this.sql`delete from net.http_request_queue`;
  }

  get url(): string {
    return this.settings.url;
  }

  get secretKey(): string {
    return this.settings.secretKey;
  }

  /** Storage as supabase-js gives it to somebody with the secret key. */
  get storage() {
    return storageClient(this.url, this.secretKey, { [BYPASS_HEADER]: "yes" });
  }

  /** The repository, read without Holdfast. */
  get reader(): RepositoryReader {
    return new RepositoryReader(this.bucket);
  }

  /** Takes an object's bytes away, and leaves its row. */
  async loseBytes(bucket: string, name: string): Promise<void> {
    await this.storageServer.loseBytes(bucket, name);
  }

  /** Keeps its rows in its database and its bytes in the folder, for `putBack`. */
  async keep(id: string, folder: string): Promise<void> {
    await this.sql`select simulation.keep(${id})`;
    await copyFolder(this.folder, join(folder, this.name));
  }

  /** Keeps its rows under a name of their own, for `putMomentBack`. */
  async keepMoment(id: string): Promise<void> {
    await this.sql`select simulation.keep(${id})`;
  }

  /** Puts its rows back to what they were at a moment, which is then forgotten. */
  async putMomentBack(id: string): Promise<void> {
    await this.sql`select simulation.put_back(${id})`;
    await this.sql`select simulation.forget(${id})`;
  }

  /** Puts its rows back to what they were in a state, or when it was made. Bytes stay. */
  async putRowsBack(state?: SavedState): Promise<void> {
    const known = state?.projects.includes(this.name);
    await this.sql`select simulation.put_back(${known ? state!.id : AS_MADE})`;
  }

  /** Puts all of it back to what it was in a state, or when it was made. */
  async putBack(state?: SavedState): Promise<void> {
    await this.putRowsBack(state);
    await Deno.remove(this.folder, { recursive: true });
    await Deno.mkdir(this.folder);
    if (state) await copyFolder(join(state.folder, this.name), this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.storageServer.stop();
    await this.stack.disposeAsync();
  }
}
