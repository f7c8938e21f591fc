/**
 * A stand-in for Supabase Storage's REST API, on a real PostgreSQL with Supabase's storage schema.
 * PostgreSQL and the schema handle rows and policies; bytes are in files. The answers are those of
 * Storage v1.70.6, observed and read in its source. tests/conformance/storage verifies both.
 */
import { ByteStore } from "./byte_store.ts";
import { Cdn } from "./cdn.ts";
import { Database } from "./database.ts";
import type { Backend, Services } from "./exchange.ts";
import { Faults } from "./faults.ts";
import { createStorageRequestLog, type StorageRequestLog } from "./request_log.ts";
import { serve } from "./server.ts";

export type { Backend } from "./exchange.ts";
export type { Cdn } from "./cdn.ts";
export type { Fault, FaultRule, Faults } from "./faults.ts";
export type { StorageRequestLog, StorageRequestRecord } from "./request_log.ts";
export { signToken } from "./token.ts";

/** Maximum size of an object in a hosted project. */
const LARGEST_OBJECT_BYTES = 50 * 1024 ** 3;

export interface StorageOptions {
  /** Connects to the project's database as superuser. */
  adminUrl: string;
  /** The secret for the project's tokens (HS256). */
  jwtSecret: string;
  /** The folder for bytes. */
  directory: string;
  /** Whether a CDN is in front; false by default. */
  cdn?: boolean;
  /** The backend whose errors it answers with; `s3` by default. */
  backend?: Backend;
  /** Storage's clock, milliseconds since 1970; the machine's by default. */
  now?: () => number;
  /** The project's size limit for objects in bytes; 50 GiB by default. */
  largestObjectBytes?: number;
}

/** A running Storage with its controls for tests. */
export interface StorageServer extends AsyncDisposable {
  /** The project's URL. The API is at `/storage/v1` below it. */
  readonly url: string;
  readonly requests: StorageRequestLog;
  readonly faults: Faults;
  readonly cdn: Cdn;
  /** The simulated backend. Tests may change it at any time. */
  backend: Backend;
  /**
   * Deletes the bytes of an object; its row stays.
   *
   * @throws Error if there is no such row.
   */
  loseBytes(bucket: string, name: string): Promise<void>;
  /** Number of object versions with bytes in the backend, including orphaned ones. */
  countStoredVersions(): Promise<number>;
  /** Removes all bytes, faults and logged requests. Rows in PostgreSQL stay. */
  reset(): Promise<void>;
  /** Ends all connections, then the server. */
  stop(): Promise<void>;
}

/** Starts a Storage on a free port of 127.0.0.1. */
export async function startStorage(options: StorageOptions): Promise<StorageServer> {
  const database = await Database.open(options.adminUrl);
  const { now = Date.now } = options;
  const services: Services = {
    database,
    now,
    bytes: new ByteStore(options.directory, now),
    cdn: new Cdn(options.cdn ?? false),
    jwtSecret: options.jwtSecret,
    largestObjectBytes: options.largestObjectBytes ?? LARGEST_OBJECT_BYTES,
    backend: options.backend ?? "s3",
  };
  const requests = createStorageRequestLog();
  const faults = new Faults();
  const server = await serve({ services, requests, faults });
  const stop = async () => {
    await server.stop();
    await database.close();
  };
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    faults,
    cdn: services.cdn,
    get backend() {
      return services.backend;
    },
    set backend(backend) {
      services.backend = backend;
    },
    async loseBytes(bucket, name) {
      const [row] = await database.service<{ version: string | null }[]>`
        select version from storage.objects where bucket_id = ${bucket} and name = ${name}`;
      if (!row) throw new Error(`there is no row of ${bucket}/${name}`);
      await services.bytes.remove({ bucket, name, version: row.version });
    },
    countStoredVersions: () => services.bytes.count(),
    async reset() {
      faults.clear();
      requests.reset();
      services.cdn.reset(options.cdn ?? false);
      services.backend = options.backend ?? "s3";
      await services.bytes.clear();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
