import { AwsClient } from "aws4fetch";
import { denoBinary, type DenoVersion } from "../../../stack/process/deno_versions.ts";
import type { Bench } from "../bench.ts";
import type { PassThroughInput } from "../servers/pass_through.ts";
import { Child } from "./child.ts";
import { mainThreadCpuMs } from "./cpu.ts";
import type { BenchProject } from "./project.ts";
import type { Target } from "./target.ts";

/**
 * Passes every object of a project's bucket on to a bucket of the target, in a fresh process.
 * Returns its main-thread CPU in milliseconds, without the start of the process.
 */
export async function passThroughCpuMs(
  bench: Bench,
  project: BenchProject,
  { deno, target, from, to, limits }: {
    deno: DenoVersion;
    target: Target;
    from: string;
    to: string;
    limits: PassThroughInput["limits"];
  },
): Promise<number> {
  await target.server.ask("createBucket", to);
  const client = new AwsClient({ ...target, service: "s3" });
  const objects = await project.sql<{ name: string; size: number }[]>`
    select name, (metadata ->> 'size')::float8 as size from storage.objects
    where bucket_id = ${from}`;
  const passes = await Promise.all(objects.map(async ({ name, size }) => ({
    get: `${project.sourceUrl}/storage/v1/object/authenticated/${from}/${name}`,
    put: await presigned(client, `${target.endpoint}/${to}/${name}`),
    size,
  })));
  const { secretKey } = project.keys;
  const headers = { apikey: secretKey, authorization: `Bearer ${secretKey}` };
  await using child = Child.start("pass_through.ts", {
    deno: await denoBinary(deno),
    options: ["--no-config", "--no-lock"],
    environment: { DENO_CERT: await bench.certificateFile() },
  });
  await child.ask("load", { passes, headers, limits } satisfies PassThroughInput);
  const before = mainThreadCpuMs(child.pid);
  await child.ask("run");
  return mainThreadCpuMs(child.pid) - before;
}

/** A presigned URL for a PUT, valid for an hour, with an unsigned body. */
async function presigned(client: AwsClient, url: string): Promise<string> {
  const signed = await client.sign(`${url}?X-Amz-Expires=3600`, {
    method: "PUT",
    aws: { signQuery: true },
  });
  return signed.url;
}
