/**
 * The error catalogue: every failure that Holdfast expects, by stable code. docs/ERRORS.md lists
 * the same codes, and a test holds the two together.
 */
import { sanitizeText } from "../lib/text/sanitize.ts";
import { redact } from "../observability/redact.ts";

/** What a code means to a caller: the HTTP status, a title, and what to do next. */
export interface ErrorKind {
  readonly status: number;
  readonly title: string;
  readonly remedy: string;
}

export const ERRORS = {
  key_refused: {
    status: 401,
    title: "No valid Holdfast key",
    remedy:
      "Send a Holdfast key in the apikey header, or as Authorization: Bearer. Make one in SQL: " +
      "select holdfast.create_key('operate', 'my name').",
  },
  scope_refused: {
    status: 403,
    title: "This key may not do that",
    remedy: "Use a key of the scope that this route needs; docs/SECURITY.md lists them.",
  },
  not_found: {
    status: 404,
    title: "There is nothing at this path",
    remedy: "See the README's reference for the routes.",
  },
  request_invalid: {
    status: 400,
    title: "The request is not valid",
    remedy: "Correct every field that is named and send it again; nothing was started.",
  },
  settings_invalid: {
    status: 503,
    title: "Holdfast's settings are not valid",
    remedy: "Correct each one that is named: HOLDFAST_… with supabase secrets set, the others " +
      "with select holdfast.set(name, value).",
  },
  setting_unknown: {
    status: 400,
    title: "There is no such setting",
    remedy: "See: select * from holdfast.settings.",
  },
  project_url_missing: {
    status: 400,
    title: "Holdfast does not know the project's URL yet",
    remedy: "Name it once: select holdfast.schedule('0 2 * * *', 'https://<ref>.supabase.co').",
  },
  project_url_invalid: {
    status: 400,
    title: "This is no project's URL",
    remedy: "It looks like https://<ref>.supabase.co, without a path.",
  },
  schedule_invalid: {
    status: 400,
    title: "pg_cron can't read the schedule",
    remedy:
      "It takes five fields, minute hour day month weekday, in UTC: 0 2 * * * is 02:00 each night.",
  },
  scope_unknown: {
    status: 400,
    title: "There is no such scope",
    remedy: "Use read, operate or restore.",
  },
  key_name_taken: {
    status: 400,
    title: "A live key has this name",
    remedy: "Choose another name, or revoke that key first with select holdfast.revoke_key(name).",
  },
  key_unknown: {
    status: 400,
    title: "No live key has this name",
    remedy: "See: select name, scope, created_at, revoked_at from holdfast.keys.",
  },
  not_installed: {
    status: 503,
    title: "Holdfast's migrations are not applied",
    remedy: "Apply them with supabase db push, then try again.",
  },
  run_in_progress: {
    status: 409,
    title: "Another run is in progress",
    remedy: "Wait for it to end, or cancel it.",
  },
  run_unknown: {
    status: 404,
    title: "There is no such run",
    remedy: "GET /functions/v1/holdfast-api/runs lists the newest.",
  },
  run_not_cancellable: {
    status: 409,
    title: "This run can't be cancelled",
    remedy: "It is writing its snapshot, or has ended.",
  },
  run_stuck: {
    status: 500,
    title: "The run made no progress for six hours",
    remedy: "Look at the function's logs, then start another: it goes on from what was copied.",
  },
  paused_by_limit: {
    status: 503,
    title: "A limit of what may be read from Storage is reached",
    remedy: "Nothing to do: the run goes on when the limit's day or month (UTC) is over. To have " +
      "it go on before, raise the limit: select holdfast.set('max_egress_bytes_per_day', 'null').",
  },
  budget_exhausted: {
    status: 503,
    title: "This invocation has used what the platform gives it",
    remedy: "Nothing to do: nothing was begun, and the next tick's post reaches a fresh one.",
  },
  lease_lost: {
    status: 409,
    title: "Another worker has this work",
    remedy: "Nothing to do.",
  },
  snapshot_unknown: {
    status: 404,
    title: "There is no such snapshot",
    remedy: "Use one of the snapshots that are named, or latest.",
  },
  source_hidden: {
    status: 503,
    title: "Holdfast can't see the project's objects",
    remedy: "Apply Holdfast's migrations as the role postgres.",
  },
  database_read_only: {
    status: 503,
    title: "The database takes no writes",
    remedy: "It is read-only or its disk is full. Free space or enlarge the disk in the " +
      "dashboard, under Database settings, then start the run again; nothing was lost.",
  },
  database_unreachable: {
    status: 503,
    title: "The database can't be reached",
    remedy: "Check that the project is not paused and that SUPABASE_DB_URL is right.",
  },
  storage_unreachable: {
    status: 502,
    title: "The project's Storage can't be reached",
    remedy: "Check the project's status; the run goes on by itself when Storage answers again.",
  },
  storage_key_refused: {
    status: 502,
    title: "Storage refused the project's secret key",
    remedy: "Check SUPABASE_SECRET_KEYS (or SUPABASE_SERVICE_ROLE_KEY) of the functions.",
  },
  repository_unreachable: {
    status: 502,
    title: "The S3 server can't be reached",
    remedy: "Check HOLDFAST_S3_ENDPOINT and that the server is up, then start the run again.",
  },
  repository_bucket_missing: {
    status: 502,
    title: "The S3 bucket does not exist",
    remedy: "Make the bucket, or correct HOLDFAST_S3_BUCKET and HOLDFAST_S3_REGION.",
  },
  repository_key_refused: {
    status: 502,
    title: "S3 refused the access key",
    remedy: "Correct HOLDFAST_S3_ACCESS_KEY_ID and HOLDFAST_S3_SECRET_ACCESS_KEY.",
  },
  repository_access_denied: {
    status: 502,
    title: "The S3 key may not do this",
    remedy: "Allow it to list the bucket and to get and put objects under the prefix.",
  },
  repository_refused: {
    status: 502,
    title: "S3 refused a request",
    remedy: "Read the message; the server's own documentation explains its code.",
  },
  repository_missing: {
    status: 409,
    title: "There is no repository at this place",
    remedy:
      "Check HOLDFAST_S3_BUCKET and HOLDFAST_S3_PREFIX against where the backups were written.",
  },
  repository_changed: {
    status: 409,
    title: "The secrets came to name another repository while the run went on",
    remedy: "Start a new run. If the change was not meant, set HOLDFAST_S3_ENDPOINT, " +
      "HOLDFAST_S3_BUCKET and HOLDFAST_S3_PREFIX to what they were before.",
  },
  repository_not_ours: {
    status: 409,
    title: "This repository belongs to another project",
    remedy: "Set another HOLDFAST_S3_PREFIX for this project, or take the repository over: " +
      "POST /functions/v1/holdfast-backup/take-over. A restore from it needs neither.",
  },
  take_over_too_soon: {
    status: 409,
    title: "The repository's owner wrote to it within a day",
    remedy:
      "Make sure that the other project backs up no more (select holdfast.unschedule() there), " +
      'then wait a day or take it over with {"force": true}.',
  },
  repository_format_unsupported: {
    status: 409,
    title: "This repository needs a newer Holdfast",
    remedy: "Install the newest Holdfast (deno task add), then try again; nothing was written.",
  },
  repository_damaged: {
    status: 502,
    title: "A document of the repository is not what it should be",
    remedy:
      "Restore the named key in the bucket from its older version or a copy, if there is one.",
  },
  catalog_behind: {
    status: 409,
    title: "The repository knows more than this database",
    remedy: "Import it: POST /functions/v1/holdfast-backup/imports. It moves no bytes.",
  },
  catalog_ahead: {
    status: 409,
    title: "This database knows more than the repository",
    remedy: "The bucket was emptied, replaced or rolled back. Point HOLDFAST_S3_PREFIX at a new " +
      "prefix to begin a new repository, or bring the old one back.",
  },
  bytes_missing: {
    status: 404,
    title: "Storage has the row but not the bytes",
    remedy: "The file was lost in Storage itself: upload it again, or delete its row and restore " +
      "what a snapshot holds.",
  },
  bytes_differ: {
    status: 409,
    title: "Storage's bytes are not what the row says",
    remedy: "Upload the file again, so that its row states its true size and etag.",
  },
  name_unfetchable: {
    status: 400,
    title: "No URL can name this object",
    remedy: "Move it to a name without . or .. segments and with characters that Storage allows.",
  },
  poison_object: {
    status: 502,
    title: "Copying this object ended every function that tried",
    remedy:
      "The next run tries again. Look at the function's logs for the limit that it reached; " +
      "an object that stays can be left out with the setting exclude.",
  },
  storage_failed: {
    status: 502,
    title: "Storage did not give the object",
    remedy: "The next run tries again.",
  },
  snapshot_too_large: {
    status: 507,
    title: "The snapshot would list more buckets or policies than can be read again",
    remedy: "Leave buckets out with the setting buckets. What was copied is kept for the next run.",
  },
  target_refused: {
    status: 409,
    title: "The target refused an object or a bucket",
    remedy: "Read the message: a limit of the bucket or of the project stands in the way.",
  },
  target_differs: {
    status: 409,
    title: "Another object has this name in the target",
    remedy: "Start the restore with overwrite set to if_changed, or move the other object away.",
  },
  restored_bytes_differ: {
    status: 502,
    title: "What was restored does not read back as it was backed up",
    remedy: "Run the restore again; if it stays, verify the repository.",
  },
  internal: {
    status: 500,
    title: "Something unexpected happened",
    remedy: "Look at the function's logs around this time, and report it.",
  },
} as const satisfies Record<string, ErrorKind>;

/** A stable error code. */
export type ErrorCode = keyof typeof ERRORS;

/** One fault of a request or of the settings: where it is and what is wrong there. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/**
 * Extras of an error: a nearer remedy, the single faults, facts for the body, the cause, and for how
 * long a server wants to be left alone.
 */
export interface ErrorExtras {
  readonly remedy?: string;
  readonly faults?: readonly Fault[];
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  readonly retryAfterMs?: number | undefined;
}

/** Words from outside may be any number; what is longer says nothing more to a reader. */
const MAX_MESSAGE_CHARACTERS = 2_000;

/** An expected failure: a code of the catalogue with the words for this one case. */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly faults: readonly Fault[];
  readonly facts: Readonly<Record<string, unknown>>;
  /** Milliseconds; 0 where no server said any. */
  readonly retryAfterMs: number;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(sanitizeText(redact(message).slice(0, MAX_MESSAGE_CHARACTERS)), {
      cause: extras.cause,
    });
    this.code = code;
    this.remedy = extras.remedy ?? ERRORS[code].remedy;
    this.faults = extras.faults ?? [];
    this.facts = extras.facts ?? {};
    this.retryAfterMs = extras.retryAfterMs ?? 0;
  }
}

/** Whether a text is a code of the catalogue, as codes that come from SQL have to be. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** The message of anything thrown, for a log line or a row: plain, and no secret is in it. */
export function messageOf(thrown: unknown): string {
  return sanitizeText(redact(thrown instanceof Error ? thrown.message : String(thrown)));
}
