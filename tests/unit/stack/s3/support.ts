import { AwsClient } from "aws4fetch";
import { createWorkspace } from "../../../../stack/process/workspace.ts";
import {
  type Credential,
  type S3Options,
  type S3Server,
  startS3,
} from "../../../../stack/s3/mod.ts";

/** The bucket that every test's server has. */
export const BUCKET = "unit";

const OWNER: Credential = { accessKeyId: "OWNER", secretAccessKey: "owner's secret" };

/** A server of one test, and requests to it. */
export interface TestServer extends AsyncDisposable {
  readonly server: S3Server;
  readonly directory: string;
  /** Sends a signed request for a path below the bucket, once. */
  request(path: string, init?: RequestInit, credential?: Credential): Promise<TestAnswer>;
  /** The same, without reading the response. */
  open(path: string, init?: RequestInit, credential?: Credential): Promise<Response>;
  /** Stops the server and starts another one on the same folder. */
  restart(): Promise<void>;
}

/** A response, read to its end. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The code of an error; undefined if there is none. */
  readonly code: string | undefined;
}

/** Starts a server in a new folder. */
export async function startTestServer(options: Partial<S3Options> = {}): Promise<TestServer> {
  const workspace = await createWorkspace();
  const directory = workspace.path;
  const start = () =>
    startS3({ directory, region: "eu-central-1", credentials: [OWNER], ...options });
  let server = await start();
  await server.createBucket(BUCKET);

  const open: TestServer["open"] = (path, init = {}, credential = OWNER) => {
    const { accessKeyId, secretAccessKey } = credential;
    const signing = { region: server.region, service: "s3", retries: 0 };
    const client = new AwsClient({ accessKeyId, secretAccessKey, ...signing });
    return client.fetch(`${server.endpoint}/${BUCKET}/${path}`, init);
  };
  return {
    get server() {
      return server;
    },
    directory,
    open,
    async request(path, init, credential) {
      const response = await open(path, init, credential);
      const text = await response.text();
      const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
      return { status: response.status, headers: response.headers, text, code };
    },
    async restart() {
      await server.stop();
      server = await start();
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await workspace.dispose();
    },
  };
}

/** Begins an upload below the bucket and returns its id. */
export async function beginUpload(s3: TestServer, key: string): Promise<string> {
  const { text } = await s3.request(`${key}?uploads=`, { method: "POST" });
  const id = /<UploadId>([^<]+)<\/UploadId>/.exec(text)?.[1];
  if (id === undefined) throw new Error(text);
  return id;
}

/** Sends a part and returns its entry for the completion. */
export async function sendPart(
  s3: TestServer,
  key: string,
  uploadId: string,
  number: number,
  body: string,
): Promise<string> {
  const path = `${key}?uploadId=${uploadId}&partNumber=${number}`;
  const { headers, status, text } = await s3.request(path, { method: "PUT", body });
  if (status !== 200) throw new Error(text);
  const etag = headers.get("etag");
  return `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`;
}

/** Completes an upload. */
export function complete(
  s3: TestServer,
  key: string,
  uploadId: string,
  parts: readonly string[],
  init: RequestInit = {},
): Promise<TestAnswer> {
  const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
  return s3.request(`${key}?uploadId=${uploadId}`, { method: "POST", body, ...init });
}

/** The names of all files of bytes in the bucket, complete or being written. */
export async function bodyFiles(s3: TestServer): Promise<string[]> {
  const names: string[] = [];
  for (const folder of ["whole", "incoming"]) {
    const path = `${s3.directory}/${BUCKET}/bodies/${folder}`;
    for await (const { name } of Deno.readDir(path)) names.push(`${folder}/${name}`);
  }
  return names;
}

/** Waits until a condition is true; fails after ten seconds. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!await isSo()) {
    if (Date.now() > deadline) throw new Error("it did not come to be within ten seconds");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
