import { fileURLToPath } from "node:url";
import { startFunctions } from "../../../stack/edge/functions.ts";
import type { DenoVersion } from "../../../stack/process/deno_versions.ts";
import type { Bench } from "../bench.ts";
import { median } from "../row.ts";
import { mainThreadCpuMs } from "./cpu.ts";
import { EMPTY, makeEmptyFunction } from "./functions_folder.ts";
import { WORKER } from "./project.ts";

const FUNCTIONS = fileURLToPath(new URL("../../../supabase/functions", import.meta.url));
const BOOTS = { quick: 3, usual: 7, full: 15 };

/** Main-thread CPU until a function's process can serve a request, in milliseconds; medians. */
export interface BootCpu {
  readonly workerMs: number;
  /** The CPU of a function that loads nothing: the start of Deno and of the runner. */
  readonly emptyMs: number;
}

/** Measures it once per run of the bench; the boots alternate. */
export function bootCpu(bench: Bench, deno: DenoVersion): Promise<BootCpu> {
  return bench.once(`boot ${deno}`, async () => {
    const workspace = await bench.workspace;
    const start = (functionsDirectory: string, name: string) =>
      startFunctions({
        workspace,
        functionsDirectory,
        names: [name],
        environment: {},
        deno,
        mode: "shared",
      });
    await using worker = await start(FUNCTIONS, WORKER);
    await using empty = await start(await makeEmptyFunction(bench), EMPTY);
    const [workerMs, emptyMs]: [number[], number[]] = [[], []];
    for (let boot = 0; boot < bench.pick(BOOTS); boot++) {
      for (
        const [host, name, times] of [[worker, WORKER, workerMs], [empty, EMPTY, emptyMs]] as const
      ) {
        (await host.acquire(name, "GET")).release();
        times.push(mainThreadCpuMs(host.pids(name)[0]));
        await host.kill(name);
      }
    }
    return { workerMs: median(workerMs), emptyMs: median(emptyMs) };
  });
}
