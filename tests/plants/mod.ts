import { plant as assumedNotMarked } from "./assumed_not_marked.ts";
import { plant as bytesNotPut } from "./bytes_not_put.ts";
import { plant as commitNotExpected } from "./commit_not_expected.ts";
import { plant as completionTakenOnTrust } from "./completion_taken_on_trust.ts";
import { plant as cursorAdvancedFirst } from "./cursor_advanced_first.ts";
import { plant as existingOverwritten } from "./existing_overwritten.ts";
import { plant as fenceDropped } from "./fence_dropped.ts";
import { plant as headsNotCompared } from "./heads_not_compared.ts";
import { plant as keyLogged } from "./key_logged.ts";
import { plant as lostBytesBelieved } from "./lost_bytes_believed.ts";
import { plant as movedNameClosedFirst } from "./moved_name_closed_first.ts";
import { plant as onlyOwnPutsListed } from "./only_own_puts_listed.ts";
import { plant as overwrittenOnRetry } from "./overwritten_on_retry.ts";
import { plant as pageWithoutLease } from "./page_without_lease.ts";
import { plant as parentFollowed } from "./parent_followed.ts";
import type { Plant } from "./plant.ts";
import { plant as readBackSkipped } from "./read_back_skipped.ts";
import { plant as recordBeforeSnapshot } from "./record_before_snapshot.ts";
import { plant as sealNotFrozen } from "./seal_not_frozen.ts";
import { plant as sealedTooEarly } from "./sealed_too_early.ts";
import { plant as spoiltBytesBelieved } from "./spoilt_bytes_believed.ts";
import { plant as staleBodyTaken } from "./stale_body_taken.ts";

/** Deliberate bugs, by the names under which they are asked for. */
export const PLANTS: Readonly<Record<string, Plant>> = {
  assumed_not_marked: assumedNotMarked,
  bytes_not_put: bytesNotPut,
  commit_not_expected: commitNotExpected,
  completion_taken_on_trust: completionTakenOnTrust,
  cursor_advanced_first: cursorAdvancedFirst,
  existing_overwritten: existingOverwritten,
  fence_dropped: fenceDropped,
  heads_not_compared: headsNotCompared,
  key_logged: keyLogged,
  lost_bytes_believed: lostBytesBelieved,
  moved_name_closed_first: movedNameClosedFirst,
  only_own_puts_listed: onlyOwnPutsListed,
  overwritten_on_retry: overwrittenOnRetry,
  page_without_lease: pageWithoutLease,
  parent_followed: parentFollowed,
  read_back_skipped: readBackSkipped,
  record_before_snapshot: recordBeforeSnapshot,
  seal_not_frozen: sealNotFrozen,
  sealed_too_early: sealedTooEarly,
  spoilt_bytes_believed: spoiltBytesBelieved,
  stale_body_taken: staleBodyTaken,
};
