/**
 * `deno task stack`: runs a stack and prints how to use it. One project has Holdfast's migrations,
 * functions and S3 secrets. The other one is empty, for a manual installation or a restore. Ctrl-C
 * stops the stack.
 */
import { parseArgs } from "node:util";
import { serveControl } from "./control.ts";
import { untilInterrupted } from "./interrupt.ts";
import { describeStack } from "./describe.ts";
import { type DenoVersion, EDGE_RUNTIME_DENO } from "./process/deno_versions.ts";
import { startStack } from "./stack.ts";

const USAGE = `deno task stack [options]
  --deno 2.1.4|2.9.6   the Deno that functions run on (2.1.4, as on Supabase)
  --per-post           give each POST an isolate of its own
  --cdn                put a CDN before Storage, as on hosted projects`;

const interrupted = untilInterrupted();
await run(readOptions());
Deno.exit(0);

interface Options {
  deno: DenoVersion;
  mode: "shared" | "per_post";
  cdn: boolean;
}

async function run(options: Options): Promise<void> {
  await using stack = await startStack();
  await using control = serveControl(stack);
  const repository = await stack.createRepositoryBucket();
  const installed = await stack.createProject({
    ...options,
    name: "installed",
    secrets: repository.secrets,
  });
  const empty = await stack.createProject({ ...options, name: "empty", migrate: false });
  console.log(describeStack({
    controlUrl: control.url,
    repository,
    installed: installed.info,
    empty: empty.info,
    functions: installed.parts.functions.names,
  }));
  await interrupted;
  console.log("ending …");
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        "deno": { type: "string", default: EDGE_RUNTIME_DENO },
        "per-post": { type: "boolean", default: false },
        "cdn": { type: "boolean", default: false },
      },
    });
    if (values.deno !== "2.1.4" && values.deno !== "2.9.6") {
      throw new TypeError(`no functions run on Deno ${values.deno} here`);
    }
    const mode = values["per-post"] ? "per_post" : "shared";
    return { deno: values.deno, mode, cdn: values.cdn };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
