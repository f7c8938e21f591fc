import { fileURLToPath } from "node:url";
import { createApiKeys } from "../../../stack/edge/api_keys.ts";
import {
  type FunctionsHost,
  type IsolateLimits,
  type ProcessMode,
  startFunctions,
} from "../../../stack/edge/functions.ts";
import { type Gateway, startGateway } from "../../../stack/edge/gateway.ts";
import { ModuleCache } from "../../../stack/edge/module_cache.ts";
import type { DenoVersion } from "../../../stack/process/deno_versions.ts";
import { createWorkspace } from "../../../stack/process/workspace.ts";
import { eventually } from "../../support/eventually.ts";

const FUNCTIONS = fileURLToPath(new URL("../../../stack/edge/fixtures/functions", import.meta.url));

/** The folder of all tests of a file: caching the modules takes a process for each function. */
const workspace = await createWorkspace();
const modules = new ModuleCache(workspace.path);
Deno.test.afterAll(() => workspace.dispose());

/** Functions behind a gateway. */
export interface Site {
  functions: FunctionsHost;
  gateway: Gateway;
  /** Calls a function and returns the status and the text. */
  call(
    path: string,
    init?: RequestInit,
  ): Promise<{ status: number; text: string; headers: Headers }>;
  /** Waits for a line in a function's log that matches. */
  logged(pattern: RegExp): Promise<void>;
}

/** The options of a site. */
export interface SiteOptions {
  deno: DenoVersion;
  mode?: ProcessMode;
  environment?: Record<string, string>;
  limits?: IsolateLimits;
}

/** Serves the functions of the fixtures while `body` runs. */
export async function withFunctions(
  options: SiteOptions,
  body: (site: Site) => Promise<void>,
): Promise<void> {
  await using functions = await startFunctions({
    workspace,
    functionsDirectory: FUNCTIONS,
    names: ["sample", "broken", "silent", "exported", "hungry"],
    environment: options.environment ?? {},
    deno: options.deno,
    mode: options.mode ?? "shared",
    limits: options.limits,
    modules,
  });
  await using gateway = startGateway(createApiKeys("edge"), { functions });
  await body({
    functions,
    gateway,
    async call(path, init) {
      const response = await fetch(`${gateway.url}/functions/v1/${path}`, init);
      return { status: response.status, text: await response.text(), headers: response.headers };
    },
    logged: (pattern) =>
      eventually(
        `a line like ${pattern}`,
        () => functions.logs().some((line) => pattern.test(line.text)),
      ),
  });
}

export const POST = { method: "POST" };
