import { AwsClient } from "aws4fetch";
import { join } from "node:path";
import { freePort } from "../../stack/process/ports.ts";
import type { SupervisedProcess } from "../../stack/process/supervised.ts";
import { createWorkspace, type Workspace } from "../../stack/process/workspace.ts";
import { cephConfig, type CephPlaces } from "./config.ts";

/**
 * Debian's packages that are needed, to be installed without what they recommend:
 * `apt-get install -y --no-install-recommends radosgw ceph-mon ceph-osd`.
 */
export const DEBIAN_PACKAGES = ["radosgw", "ceph-mon", "ceph-osd"];

/** What a gateway calls its region where none was set up. */
const REGION = "default";

const BUCKET = "holdfast";

/** So long each part may take to come up. */
const START_SECONDS = 60;

/** Ceph's S3 server, running. */
export interface Radosgw extends AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The same as HOLDFAST_TEST_S3_*, for tests to find it. */
  readonly environment: Record<string, string>;
  /** Ends every process and removes every file. May be called more than once. */
  stop(): Promise<void>;
}

/** Thrown where the server cannot be started; the message says why. */
export class RadosgwError extends Error {
  readonly code = "radosgw_not_started";
  override name = "RadosgwError";
}

/**
 * Starts a real radosgw on 127.0.0.1 with a user and a bucket, on a Ceph cluster of its own that
 * keeps everything in memory. It needs no root, and ends with our process at the latest.
 *
 * @throws {RadosgwError} where Ceph is not installed, or a part of it does not come up
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

/** The parts of a cluster on their way up, each of which needs those before it. */
class Cluster {
  readonly #workspace: Workspace;
  readonly #places: CephPlaces;
  readonly #environment: Record<string, string>;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    this.#places = {
      folder: workspace.path,
      clusterId: crypto.randomUUID(),
      monitorPort: freePort(),
      gatewayPort: freePort(),
    };
    this.#environment = { CEPH_CONF: join(workspace.path, "ceph.conf") };
  }

  async start(): Promise<Radosgw> {
    await Deno.writeTextFile(this.#environment.CEPH_CONF, cephConfig(this.#places));
    await this.#startMonitor();
    await this.#startOsd();
    await this.#startGateway();
    return await this.#createBucket(await this.#createUser());
  }

  async #startMonitor(): Promise<void> {
    const { folder, clusterId, monitorPort } = this.#places;
    const map = join(folder, "monmap");
    const address = `[v2:127.0.0.1:${monitorPort}]`;
    await this.#run("monmaptool", "--create", "--fsid", clusterId, "--addv", "a", address, map);
    await Deno.mkdir(join(folder, "monitor"));
    await this.#run("ceph-mon", "-i", "a", "--mkfs", "--monmap", map);
    this.#spawn("ceph-mon", "-i", "a", "-f");
  }

  async #startOsd(): Promise<void> {
    // The monitor takes no OSD for up whose id is not the one it was told.
    const id = crypto.randomUUID();
    await this.#run("ceph", "osd", "new", id);
    await Deno.mkdir(join(this.#places.folder, "osd"));
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
    return `http://127.0.0.1:${this.#places.gatewayPort}`;
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

  /** Runs a command that must end well, in time. */
  async #run(command: string, ...args: string[]): Promise<void> {
    const process = this.#spawn(command, ...args);
    const timer = setTimeout(() => process.kill("SIGKILL"), START_SECONDS * 1000);
    const { success } = await process.status;
    clearTimeout(timer);
    if (!success) {
      // Without its arguments: one of them may be a secret.
      throw new RadosgwError(`${command} failed:\n${process.output()}`);
    }
  }
}

/** Random letters and digits that need no escaping anywhere. */
function randomText(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
