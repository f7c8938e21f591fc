import type { Snapshot } from "../../e2e/support/repository_reader.ts";
import type { Scene } from "../world/scene.ts";

/** Something that Holdfast does, during which anything may go wrong. */
export interface Scenario {
  readonly name: string;
  /** Brings everything to where the scenario begins. Nothing goes wrong here. */
  given(scene: Scene): Promise<void>;
  /** What is done while steps go wrong. */
  act(scene: Scene): Promise<void>;
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
