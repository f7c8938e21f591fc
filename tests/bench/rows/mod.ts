/** The rows of the bench, in the order of the table. */
import type { Row } from "../row.ts";
import { cpuAgainstPassThrough } from "./cpu_against_pass_through.ts";
import { cpuAgainstRclone } from "./cpu_against_rclone.ts";

export const ROWS: readonly Row[] = [
  cpuAgainstPassThrough,
  cpuAgainstRclone,
];
