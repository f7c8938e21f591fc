import { AwsClient } from "aws4fetch";
import { join } from "node:path";
import { freePort } from "../../stack/process/ports.ts";
import type { SupervisedProcess } from "../../stack/process/supervised.ts";
import { createWorkspace, type Workspace } from "../../stack/process/workspace.ts";
import { cephConfig, type CephLocations } from "./config.ts";

/**
 * The required Debian packages. Install them without recommended packages:
 * `apt-get install -y --no-install-recommends radosgw ceph-mon ceph-osd`.
 */
export const DEBIAN_PACKAGES = ["radosgw", "ceph-mon", "ceph-osd"];

/** A gateway's region if none is configured. */
const REGION = "default";

const BUCKET = "holdfast";

/** Time limit for the start of each part. */
const START_SECONDS = 60;

/** A running radosgw, Ceph's S3 server. */
export interface Radosgw extends AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The same values as HOLDFAST_TEST_S3_*, for tests. */
  readonly environment: Record<string, string>;
  /** Ends every process and removes every file. May be called more than once. */
  stop(): Promise<void>;
}

/** Thrown if the server cannot be started. The message has the reason. */
export class RadosgwError extends Error {
  readonly code = "radosgw_not_started";
  override name = "RadosgwError";
}

/**
 * Starts a real radosgw on 127.0.0.1 with a user and a bucket, on its own Ceph cluster in memory.
 * It does not need root, and ends with this process at the latest.
 *
 * @throws {RadosgwError} if Ceph is not installed or one of its parts does not start
 */
export async function startRadosgw(): Promise<Radosgw> {
  await requirePrograms();
  const workspace = await createWorkspace();
  try {
    return await new Cluster(workspace).start();
  } catch (error) {
    await workspace.dispose();
    throw error;
  }
}

async function requirePrograms(): Promise<void> {
  const programs = ["monmaptool", "ceph-mon", "ceph", "ceph-osd", "radosgw", "radosgw-admin"];
  for (const program of programs) {
    const found = new Deno.Command("sh", { args: ["-c", 'command -v "$0"', program] });
    if ((await found.output()).success) continue;
    const packages = DEBIAN_PACKAGES.join(" ");
    throw new RadosgwError(
      `${program} is not installed: apt-get install -y --no-install-recommends ${packages}`,
    );
  }
}

/** A starting cluster. Each part requires the previous ones. */
class Cluster {
  readonly #workspace: Workspace;
  readonly #locations: CephLocations;
  readonly #environment: Record<string, string>;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    this.#locations = {
      folder: workspace.path,
      clusterId: crypto.randomUUID(),
      monitorPort: freePort(),
      gatewayPort: freePort(),
    };
    this.#environment = { CEPH_CONF: join(workspace.path, "ceph.conf") };
  }

  async start(): Promise<Radosgw> {
    await Deno.writeTextFile(this.#environment.CEPH_CONF, cephConfig(this.#locations));
    await this.#startMonitor();
    await this.#startOsd();
    await this.#startGateway();
    return await this.#createBucket(await this.#createUser());
  }

  async #startMonitor(): Promise<void> {
    const { folder, clusterId, monitorPort } = this.#locations;
    const map = join(folder, "monmap");
    const address = `[v2:127.0.0.1:${monitorPort}]`;
    await this.#run("monmaptool", "--create", "--fsid", clusterId, "--addv", "a", address, map);
    await Deno.mkdir(join(folder, "monitor"));
    await this.#run("ceph-mon", "-i", "a", "--mkfs", "--monmap", map);
    this.#spawn("ceph-mon", "-i", "a", "-f");
  }

  async #startOsd(): Promise<void> {
    // The monitor accepts an OSD only under the id that it was given.
    const id = crypto.randomUUID();
    await this.#run("ceph", "osd", "new", id);
    await Deno.mkdir(join(this.#locations.folder, "osd"));
    await this.#run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", id);
    this.#spawn("ceph-osd", "-i", "0", "-f");
  }

  async #startGateway(): Promise<void> {
    const gateway = this.#spawn("radosgw", "-n", "client.rgw", "-f");
    const deadline = Date.now() + START_SECONDS * 1000;
    while (!await this.#answers()) {
      if (gateway.ended || Date.now() > deadline) {
        throw new RadosgwError(`radosgw did not come up:\n${gateway.output()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  get #endpoint(): string {
    return `http://127.0.0.1:${this.#locations.gatewayPort}`;
  }

  async #answers(): Promise<boolean> {
    try {
      const response = await fetch(this.#endpoint);
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  async #createUser(): Promise<{ accessKeyId: string; secretAccessKey: string }> {
    const accessKeyId = randomText(15);
    const secretAccessKey = randomText(30);
    const keys = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`];
    const names = ["--uid=holdfast", "--display-name=holdfast"];
    await this.#run("radosgw-admin", "user", "create", ...names, ...keys);
    return { accessKeyId, secretAccessKey };
  }

  async #createBucket(keys: { accessKeyId: string; secretAccessKey: string }): Promise<Radosgw> {
    const client = new AwsClient({ ...keys, service: "s3", region: REGION, retries: 0 });
    const response = await client.fetch(`${this.#endpoint}/${BUCKET}`, { method: "PUT" });
    const answer = await response.text();
    if (!response.ok) throw new RadosgwError(`the bucket could not be made: ${answer}`);
    const stop = () => this.#workspace.dispose();
    return {
      endpoint: this.#endpoint,
      region: REGION,
      bucket: BUCKET,
      ...keys,
      environment: {
        HOLDFAST_TEST_S3_SERVER: "radosgw",
        HOLDFAST_TEST_S3_ENDPOINT: this.#endpoint,
        HOLDFAST_TEST_S3_REGION: REGION,
        HOLDFAST_TEST_S3_BUCKET: BUCKET,
        HOLDFAST_TEST_S3_ACCESS_KEY_ID: keys.accessKeyId,
        HOLDFAST_TEST_S3_SECRET_ACCESS_KEY: keys.secretAccessKey,
        HOLDFAST_TEST_S3_FORCE_PATH_STYLE: "true",
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  }

  #spawn(command: string, ...args: string[]): SupervisedProcess {
    return this.#workspace.spawn(command, { command, args, env: this.#environment });
  }

  /** Runs a command, which must succeed within the time limit. */
  async #run(command: string, ...args: string[]): Promise<void> {
    const process = this.#spawn(command, ...args);
    const timer = setTimeout(() => process.kill("SIGKILL"), START_SECONDS * 1000);
    const { success } = await process.status;
    clearTimeout(timer);
    if (!success) {
      // Arguments are omitted because one of them may be a secret.
      throw new RadosgwError(`${command} failed:\n${process.output()}`);
    }
  }
}

/** Random letters and digits, which need no escaping. */
function randomText(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
