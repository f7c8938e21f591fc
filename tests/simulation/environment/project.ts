import { join } from "node:path";
import type { ProjectSettings } from "../../../supabase/functions/_holdfast/config/environment.ts";
import type { ProjectConnections } from "../../support/project_reader.ts";
import { RepositoryReader } from "../../../stack/repository_reader.ts";
import type { S3Bucket } from "../../../stack/s3_bucket.ts";
import { type ApiKeys, createApiKeys } from "../../../stack/edge/api_keys.ts";
import { type GatewayServices, startGateway } from "../../../stack/edge/gateway.ts";
import type { ProjectDatabase } from "../../../stack/postgres/cluster.ts";
import { connect, type Connection } from "../../../stack/postgres/connection.ts";
import { startStorage, type StorageServer } from "../../../stack/storage/mod.ts";
import { LocalBucket } from "./local_bucket.ts";
import { BUCKET, REGION, type Servers } from "./servers.ts";
import { BYPASS_HEADER } from "../processes/http_proxy.ts";
import { copyFolder, type SavedState } from "./saved_state.ts";
import { storageClient } from "../../support/storage_client.ts";

/** The name of a project's initial state. */
const INITIAL = "initial";

/** A project with Holdfast: its database and its Storage, as its admin uses them. */
export class SimulatedProject implements ProjectConnections, AsyncDisposable {
  private constructor(
    readonly name: string,
    readonly settings: ProjectSettings,
    readonly keys: ApiKeys,
    /** A connection of the superuser, for the checks. */
    readonly sql: Connection,
    readonly bucket: S3Bucket,
    /** The folder of Storage's bytes. */
    readonly folder: string,
    /** The services behind its gateway. */
    readonly services: GatewayServices,
    private storageServer: StorageServer,
    private readonly startStorage: () => Promise<StorageServer>,
    private readonly storageClock: { aheadMs: number },
    private readonly stack: AsyncDisposableStack,
  ) {}

  /** Starts a project on a database with Holdfast's migrations. */
  static async start(servers: Servers, database: ProjectDatabase): Promise<SimulatedProject> {
    await using stack = new AsyncDisposableStack();
    const { name, adminUrl, databaseUrl } = database;
    const sql = stack.use(connect(adminUrl, { max: 2 }));
    await sql.unsafe(await Deno.readTextFile(new URL("./saved_rows.sql", import.meta.url)))
      .simple();
    await sql`select simulation.save_rows(${INITIAL})`;
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
    const bucket = new LocalBucket({ ...location, ...servers.credentials }, () => servers.s3);
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

  /** Sets how far Storage's clock is ahead of the database's, in milliseconds. */
  setStorageClock(aheadMs: number): void {
    this.storageClock.aheadMs = aheadMs;
  }

  /** Restarts its Storage. All connections to it end. */
  async restartStorage(): Promise<void> {
    await this.storageServer.stop();
    this.storageServer = await this.startStorage();
    this.services.storageUrl = this.storageServer.url;
  }

  /**
   * Ends all connections to its database except those of the checks, as a restart does. A restart also
   * empties unlogged tables: queued posts are lost.
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

  /** A supabase-js client of Storage with the secret key. */
  get storage() {
    return storageClient(this.url, this.secretKey, { [BYPASS_HEADER]: "yes" });
  }

  /** The repository, read without Holdfast. */
  get reader(): RepositoryReader {
    return new RepositoryReader(this.bucket);
  }

  /** Deletes an object's bytes and keeps its row. */
  async loseBytes(bucket: string, name: string): Promise<void> {
    await this.storageServer.loseBytes(bucket, name);
  }

  /** Saves its rows in its database and its bytes in the folder, for `restore`. */
  async save(id: string, folder: string): Promise<void> {
    await this.sql`select simulation.save_rows(${id})`;
    await copyFolder(this.folder, join(folder, this.name));
  }

  /** Saves its rows under a name, for `restoreMoment`. */
  async saveMoment(id: string): Promise<void> {
    await this.sql`select simulation.save_rows(${id})`;
  }

  /** Restores the rows of a moment and deletes what was saved of it. */
  async restoreMoment(id: string): Promise<void> {
    await this.sql`select simulation.restore_rows(${id})`;
    await this.sql`select simulation.delete_saved(${id})`;
  }

  /** Restores its rows of a saved state, or the initial ones. Bytes are not changed. */
  async restoreRows(state?: SavedState): Promise<void> {
    const known = state?.projects.includes(this.name);
    await this.sql`select simulation.restore_rows(${known ? state!.id : INITIAL})`;
  }

  /** Restores its rows and bytes of a saved state, or the initial ones. */
  async restore(state?: SavedState): Promise<void> {
    await this.restoreRows(state);
    await Deno.remove(this.folder, { recursive: true });
    await Deno.mkdir(this.folder);
    if (state) await copyFolder(join(state.folder, this.name), this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.storageServer.stop();
    await this.stack.disposeAsync();
  }
}
