import type { Snapshot } from "../../../stack/repository_reader.ts";
import type { Kind } from "../proxy/request_kinds.ts";
import type { Environment } from "../environment/environment.ts";

/** How a scenario runs with random faults. */
export interface FaultFocus {
  /** How often it is chosen, relative to others. */
  readonly weight: number;
  /** The kinds of request that most faults are injected into. */
  readonly on: readonly Kind[];
}

/** The focus of a scenario without requests that others lack. */
export const DEFAULT_FOCUS: FaultFocus = {
  weight: 1,
  on: ["storage GET", "s3 GET", "s3 LIST", "s3 PUT", "sql"],
};

/** Work of Holdfast into which faults are injected. */
export interface Scenario {
  readonly name: string;
  /** Creates the initial state, without faults. */
  setUp(environment: Environment): Promise<void>;
  /** The work into which faults are injected. */
  act(environment: Environment): Promise<void>;
  /** The work that repeats after the first time, and after the servers have recovered; by default a backup
   * of the subject. */
  repeatAct?(environment: Environment): Promise<void>;
  /** Changes before the work is repeated. */
  changeBetweenRounds?(environment: Environment): Promise<void>;
  /** How it runs with random faults; `DEFAULT_FOCUS` where absent. */
  readonly focus?: FaultFocus;
  /** Further checks, beside those of every scenario. */
  check?(environment: Environment, snapshots: readonly Snapshot[]): Promise<void>;
  /** The project that is backed up; `source` by default. */
  readonly subject?: string;
  /** Whether the newest snapshot must equal the source at the end; true by default. */
  readonly backsUp?: boolean;
  /** Whether the database loses committed work; false by default. */
  readonly forgets?: boolean;
  /** Whether bytes sent to Storage may also be flipped; false by default. */
  readonly flips?: boolean;
  /** Whether Holdfast writes to a project's Storage; false by default. */
  readonly restores?: boolean;
}
