import { createWorkspace } from "../../../stack/process/workspace.ts";
import { startS3 } from "../../../stack/s3/mod.ts";
import { type ServerName, SERVERS } from "./servers.ts";

/** The URL and the credentials of the suite's server. */
export interface S3Target {
  readonly name: ServerName;
  readonly endpoint: string;
  readonly region: string;
  /** An existing bucket. The suite changes only its own objects in it. */
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly forcePathStyle: boolean;
}

const STANDIN = {
  name: "standin",
  region: "eu-central-1",
  bucket: "conformance",
  accessKeyId: "CONFORMANCE",
  secretAccessKey: "only for this suite",
  forcePathStyle: true,
} as const satisfies Partial<S3Target>;

function namedTarget(endpoint: string): S3Target {
  const name = Deno.env.get("HOLDFAST_TEST_S3_SERVER") ?? "aws";
  if (!(name in SERVERS)) {
    const known = Object.keys(SERVERS).join(", ");
    throw new Error(`HOLDFAST_TEST_S3_SERVER is ${name}; it must be one of ${known}`);
  }
  return {
    name: name as ServerName,
    endpoint: endpoint.replace(/\/$/, ""),
    region: variable("REGION"),
    bucket: variable("BUCKET"),
    accessKeyId: variable("ACCESS_KEY_ID"),
    secretAccessKey: variable("SECRET_ACCESS_KEY"),
    forcePathStyle: Deno.env.get("HOLDFAST_TEST_S3_FORCE_PATH_STYLE") !== "false",
  };
}

function variable(name: string): string {
  const value = Deno.env.get(`HOLDFAST_TEST_S3_${name}`);
  if (!value) throw new Error(`HOLDFAST_TEST_S3_ENDPOINT is set, HOLDFAST_TEST_S3_${name} is not`);
  return value;
}

/** Starts a stand-in, which stops after the last test of the file. */
async function startStandIn(): Promise<S3Target> {
  const workspace = await createWorkspace();
  const { region, bucket } = STANDIN;
  const server = await startS3({ directory: workspace.path, region, credentials: [STANDIN] });
  await server.createBucket(bucket);
  Deno.test.afterAll(async () => {
    await server.stop();
    await workspace.dispose();
  });
  return { ...STANDIN, endpoint: server.endpoint };
}

const endpoint = Deno.env.get("HOLDFAST_TEST_S3_ENDPOINT");

/** The server that all tests of a file share: the configured one, or a stand-in. */
export const target: S3Target = endpoint ? namedTarget(endpoint) : await startStandIn();
