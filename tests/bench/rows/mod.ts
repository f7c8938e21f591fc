/** The rows of the bench, in the order of the table. */
import type { Row } from "../row.ts";
import { catalogSize } from "./catalog_size.ts";
import { coldIsolate } from "./cold_isolate.ts";
import { commitRate } from "./commit_rate.ts";
import { cpuAgainstPassThrough } from "./cpu_against_pass_through.ts";
import { cpuAgainstRclone } from "./cpu_against_rclone.ts";
import { invocations } from "./invocations.ts";
import { loadWorker } from "./load_worker.ts";
import { memory } from "./memory.ts";
import { requestsPerObject } from "./requests_per_object.ts";
import { unchanged } from "./unchanged.ts";
import { unchangedAgainstRclone } from "./unchanged_against_rclone.ts";
import { workLost } from "./work_lost.ts";

export const ROWS: readonly Row[] = [
  cpuAgainstPassThrough,
  cpuAgainstRclone,
  coldIsolate,
  loadWorker,
  memory,
  requestsPerObject,
  unchanged,
  unchangedAgainstRclone,
  commitRate,
  catalogSize,
  invocations,
  workLost,
];
