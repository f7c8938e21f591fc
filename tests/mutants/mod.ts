import { mutant as assumedNotMarked } from "./assumed_not_marked.ts";
import { mutant as bytesNotPut } from "./bytes_not_put.ts";
import { mutant as commitNotExpected } from "./commit_not_expected.ts";
import { mutant as completionUnverified } from "./completion_unverified.ts";
import { mutant as cursorAdvancedFirst } from "./cursor_advanced_first.ts";
import { mutant as existingOverwritten } from "./existing_overwritten.ts";
import { mutant as fenceDropped } from "./fence_dropped.ts";
import { mutant as headsNotCompared } from "./heads_not_compared.ts";
import { mutant as keyLogged } from "./key_logged.ts";
import { mutant as lostBytesNotNoticed } from "./lost_bytes_not_noticed.ts";
import { mutant as movedNameClosedFirst } from "./moved_name_closed_first.ts";
import { mutant as onlyOwnUploadsListed } from "./only_own_uploads_listed.ts";
import { mutant as overwrittenOnRetry } from "./overwritten_on_retry.ts";
import { mutant as pageWithoutLease } from "./page_without_lease.ts";
import { mutant as parentFollowed } from "./parent_followed.ts";
import type { Mutant } from "./mutant.ts";
import { mutant as readBackSkipped } from "./read_back_skipped.ts";
import { mutant as recordBeforeSnapshot } from "./record_before_snapshot.ts";
import { mutant as sealNotFrozen } from "./seal_not_frozen.ts";
import { mutant as sealedTooEarly } from "./sealed_too_early.ts";
import { mutant as corruptBytesAccepted } from "./corrupt_bytes_accepted.ts";
import { mutant as staleBodyAccepted } from "./stale_body_accepted.ts";

/** Deliberate bugs, by name. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  assumed_not_marked: assumedNotMarked,
  bytes_not_put: bytesNotPut,
  commit_not_expected: commitNotExpected,
  completion_unverified: completionUnverified,
  cursor_advanced_first: cursorAdvancedFirst,
  existing_overwritten: existingOverwritten,
  fence_dropped: fenceDropped,
  heads_not_compared: headsNotCompared,
  key_logged: keyLogged,
  lost_bytes_not_noticed: lostBytesNotNoticed,
  moved_name_closed_first: movedNameClosedFirst,
  only_own_uploads_listed: onlyOwnUploadsListed,
  overwritten_on_retry: overwrittenOnRetry,
  page_without_lease: pageWithoutLease,
  parent_followed: parentFollowed,
  read_back_skipped: readBackSkipped,
  record_before_snapshot: recordBeforeSnapshot,
  seal_not_frozen: sealNotFrozen,
  sealed_too_early: sealedTooEarly,
  corrupt_bytes_accepted: corruptBytesAccepted,
  stale_body_accepted: staleBodyAccepted,
};
