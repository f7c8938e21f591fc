/**
 * A stand-in for Supabase Storage's REST API, on a real Postgres with Supabase's storage schema.
 * Rows, policies and limits are Postgres's and Storage's; bytes lie in files. What the real part
 * answers was taken from running v1.70.6 and from its source; tests/conformance/storage holds both
 * to it.
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

/** 50 GB is what a hosted project takes at most. */
const LARGEST_OBJECT_BYTES = 50 * 1024 ** 3;

export interface StorageOptions {
  /** The project's database, as its superuser. */
  adminUrl: string;
  /** What the project's tokens are signed with, HS256. */
  jwtSecret: string;
  /** Where bytes lie. */
  directory: string;
  /** Whether a CDN stands in front; off by default. */
  cdn?: boolean;
  /** Whose words it has where the backend shows through; `s3` by default. */
  backend?: Backend;
  /** Storage's clock, milliseconds since 1970; the machine's by default. */
  now?: () => number;
  /** The project's limit for any object, bytes; 50 GiB by default. */
  largestObjectBytes?: number;
}

/** A running Storage and what tests may do to it. */
export interface StorageServer extends AsyncDisposable {
  /** The project's URL: the API lies at `/storage/v1` below it. */
  readonly url: string;
  readonly requests: StorageRequestLog;
  readonly faults: Faults;
  readonly cdn: Cdn;
  /** May be changed at any time. */
  backend: Backend;
  /**
   * Takes away the bytes of an object; its row stays.
   *
   * @throws Error where there is no such row.
   */
  loseBytes(bucket: string, name: string): Promise<void>;
  /** How many versions of objects have their bytes in the backend, wanted by a row or not. */
  countStoredVersions(): Promise<number>;
  /** Forgets bytes, faults and what it was asked, as if it had just started; rows are Postgres's. */
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
