import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { CERTIFICATE } from "../../unit/stack/s3/certificate.ts";
import { Child } from "./child.ts";

const REGION = "eu-central-1";

/** The stand-in for S3 in its own process, over TLS. Its objects are deleted with it. */
export interface Target extends AsyncDisposable {
  readonly server: Child;
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Starts a target that is empty, or has a bucket with so many empty objects. */
export async function startTarget(
  bench: Bench,
  filled?: { bucket: string; objects: number },
): Promise<Target> {
  await using made = new AsyncDisposableStack();
  const workspace = await bench.workspace;
  const directory = await workspace.makeFolder(join("s3", crypto.randomUUID()));
  made.defer(() => Deno.remove(directory, { recursive: true }));
  const credentials = { accessKeyId: "BENCH", secretAccessKey: crypto.randomUUID() };
  const server = made.use(Child.start("target.ts"));
  if (filled) await server.ask("fill", { directory, ...filled });
  const endpoint = await server.ask<string>("start", {
    directory,
    credentials: [credentials],
    region: REGION,
    tls: CERTIFICATE,
  });
  const disposal = made.move();
  return {
    server,
    endpoint,
    region: REGION,
    ...credentials,
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}
