import { cancelled } from "./cancelled.ts";
import { firstBackup } from "./first_backup.ts";
import { importLog } from "./import_log.ts";
import { incremental } from "./incremental.ts";
import { large } from "./large.ts";
import { orphaned } from "./orphaned.ts";
import { movedMeanwhile } from "./moved_meanwhile.ts";
import { newMovedMeanwhile } from "./new_moved_meanwhile.ts";
import { restoreOtherProject } from "./restore_other_project.ts";
import { restoreInPlace } from "./restore_in_place.ts";
import { restoreLostBytes } from "./restore_lost_bytes.ts";
import { restoreRewound } from "./restore_rewound.ts";
import { rewound } from "./rewound.ts";
import { rewoundMidway } from "./rewound_midway.ts";
import type { Scenario } from "./scenario.ts";
import { scheduled } from "./scheduled.ts";

/** All scenarios; a new job adds its own here. */
export const SCENARIOS: readonly Scenario[] = [
  firstBackup,
  incremental,
  cancelled,
  movedMeanwhile,
  newMovedMeanwhile,
  large,
  orphaned,
  scheduled,
  rewound,
  rewoundMidway,
  importLog,
  restoreOtherProject,
  restoreInPlace,
  restoreRewound,
  restoreLostBytes,
];
