import type { Snapshot } from "../../stack/repository_reader.ts";
import type { Kind } from "../door/kinds.ts";
import type { Scene } from "../world/scene.ts";

/** How a scenario is told in bad weather. */
export interface Storm {
  /** How often, compared with others. */
  readonly weight: number;
  /** The kinds of request that most faults strike. */
  readonly on: readonly Kind[];
}

/** The storm of a scenario that has no request of its own. */
export const SHOWERS: Storm = {
  weight: 1,
  on: ["storage GET", "s3 GET", "s3 LIST", "s3 PUT", "sql"],
};

/** Something that Holdfast does, during which anything may go wrong. */
export interface Scenario {
  readonly name: string;
  /** Brings everything to where the scenario begins. Nothing goes wrong here. */
  given(scene: Scene): Promise<void>;
  /** What is done while steps go wrong. */
  act(scene: Scene): Promise<void>;
  /** What is done once bad weather is over; by default the subject is backed up again. */
  again?(scene: Scene): Promise<void>;
  /** What else happens before it is done again. */
  stir?(scene: Scene): Promise<void>;
  /** How it is told in bad weather; by default as `SHOWERS` says. */
  readonly storm?: Storm;
  /** What must have come of it, beyond what every scenario is held to. */
  check?(scene: Scene, snapshots: readonly Snapshot[]): Promise<void>;
  /** The project whose backup it is; `source` by default. */
  readonly subject?: string;
  /** Whether the newest snapshot must hold the source as it is at the end; true by default. */
  readonly backsUp?: boolean;
  /** Whether the database forgets what was committed; false by default. */
  readonly forgets?: boolean;
  /** Whether bytes may also be flipped on their way to Storage; false by default. */
  readonly flips?: boolean;
  /** Whether Holdfast writes to a project's Storage; false by default. */
  readonly restores?: boolean;
}
