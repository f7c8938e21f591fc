import { createWorkspace } from "../../stack/process/workspace.ts";
import { startS3 } from "../../stack/s3/mod.ts";
import { type ServerName, SERVERS } from "./servers.ts";

/** Where the suite's server is and how to sign in. */
export interface S3Target {
  readonly name: ServerName;
  readonly endpoint: string;
  readonly region: string;
  /** Made already; the suite touches nothing in it but what it put there itself. */
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly forcePathStyle: boolean;
}

/** A target, and what ends it. */
export type OpenTarget = S3Target & AsyncDisposable;

const STANDIN = {
  name: "standin",
  region: "eu-central-1",
  bucket: "conformance",
  accessKeyId: "CONFORMANCE",
  secretAccessKey: "only for this suite",
  forcePathStyle: true,
} as const satisfies Partial<S3Target>;

/** The server that HOLDFAST_TEST_S3_ENDPOINT names, or a stand-in of its own. */
export function openTarget(): Promise<OpenTarget> | OpenTarget {
  const endpoint = Deno.env.get("HOLDFAST_TEST_S3_ENDPOINT");
  return endpoint ? namedTarget(endpoint) : startStandIn();
}

function namedTarget(endpoint: string): OpenTarget {
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
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function variable(name: string): string {
  const value = Deno.env.get(`HOLDFAST_TEST_S3_${name}`);
  if (!value) throw new Error(`HOLDFAST_TEST_S3_ENDPOINT is set, HOLDFAST_TEST_S3_${name} is not`);
  return value;
}

async function startStandIn(): Promise<OpenTarget> {
  const workspace = await createWorkspace();
  const { region, bucket } = STANDIN;
  const server = await startS3({ directory: workspace.path, region, credentials: [STANDIN] });
  await server.createBucket(bucket);
  return {
    ...STANDIN,
    endpoint: server.endpoint,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await workspace.dispose();
    },
  };
}
