/**
 * The error catalogue: every failure that Holdfast expects, by stable code. docs/ERRORS.md lists
 * the same codes, and a test compares the two.
 */
import { sanitizeText } from "../lib/text/sanitize.ts";
import { redact } from "../observability/redact.ts";

/** What a code means to a caller: the HTTP status, a title and the next step. */
export interface ErrorKind {
  readonly status: number;
  readonly title: string;
  readonly remedy: string;
}

/** Every error code with its status, title and remedy. */
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
    title: "This is not a project's URL",
    remedy: "Use a URL of the form https://<ref>.supabase.co, without a path.",
  },
  schedule_invalid: {
    status: 400,
    title: "pg_cron can't read the schedule",
    remedy:
      "Use five fields in UTC: minute, hour, day of month, month, day of week. 0 2 * * * means 02:00 each night.",
  },
  scope_unknown: {
    status: 400,
    title: "There is no such scope",
    remedy: "Use read, operate or restore.",
  },
  key_name_taken: {
    status: 400,
    title: "A key that is not revoked has this name",
    remedy: "Choose another name, or revoke that key first with select holdfast.revoke_key(name).",
  },
  key_unknown: {
    status: 400,
    title: "No key that is not revoked has this name",
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
    remedy: "Read the function's logs, then start another run. It continues after what was copied.",
  },
  paused_by_limit: {
    status: 503,
    title: "The limit on reads from Storage is reached",
    remedy:
      "Nothing to do: the run continues when the limit's day or month (UTC) ends. To continue " +
      "earlier, raise the limit: select holdfast.set('max_egress_bytes_per_day', 'null').",
  },
  budget_exhausted: {
    status: 503,
    title: "This invocation has used up its platform limits",
    remedy: "Nothing to do: nothing was started, and the next tick calls a new invocation.",
  },
  lease_lost: {
    status: 409,
    title: "Another worker has this work",
    remedy: "Nothing to do.",
  },
  snapshot_unknown: {
    status: 404,
    title: "There is no such snapshot",
    remedy: "Use one of the snapshots that the message names, or latest.",
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
    remedy: "Check the project's status. The run continues by itself when Storage answers again.",
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
    title: "There is no repository at this location",
    remedy: "Compare HOLDFAST_S3_BUCKET and HOLDFAST_S3_PREFIX with the location of the backups.",
  },
  repository_changed: {
    status: 409,
    title: "The secrets name another repository than when the run started",
    remedy: "Start a new run. If the change was not meant, set HOLDFAST_S3_ENDPOINT, " +
      "HOLDFAST_S3_BUCKET and HOLDFAST_S3_PREFIX to what they were before.",
  },
  repository_not_ours: {
    status: 409,
    title: "This repository belongs to another project",
    remedy: "Set another HOLDFAST_S3_PREFIX for this project, or take the repository over: " +
      "POST /functions/v1/holdfast-backup/take-over. A restore from it needs neither of the two.",
  },
  take_over_too_soon: {
    status: 409,
    title: "The repository's owner wrote to it within a day",
    remedy:
      "Stop the backups of the other project (select holdfast.unschedule() there). Then wait a " +
      'day, or take the repository over with {"force": true}.',
  },
  repository_format_unsupported: {
    status: 409,
    title: "This repository needs a newer Holdfast",
    remedy: "Install the newest Holdfast (deno task add), then try again; nothing was written.",
  },
  repository_damaged: {
    status: 502,
    title: "A document of the repository is damaged",
    remedy:
      "Restore the named key in the bucket from its older version or a copy, if there is one.",
  },
  catalog_behind: {
    status: 409,
    title: "The repository has records that this database does not have",
    remedy: "Import them: POST /functions/v1/holdfast-backup/imports. An import copies no files.",
  },
  catalog_ahead: {
    status: 409,
    title: "This database has records that the repository does not have",
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
    title: "Storage's bytes do not match the object's row",
    remedy: "Upload the file again, so that its row states its true size and etag.",
  },
  name_unfetchable: {
    status: 400,
    title: "No URL can name this object",
    remedy: "Move it to a name without . or .. segments and with characters that Storage allows.",
  },
  poison_object: {
    status: 502,
    title: "Every function that tried to copy this object was killed",
    remedy:
      "The next run tries again. Read the function's logs for the limit that it reached. To " +
      "leave the object out, use the setting exclude.",
  },
  storage_failed: {
    status: 502,
    title: "Storage did not give the object",
    remedy: "The next run tries again.",
  },
  snapshot_too_large: {
    status: 507,
    title: "The snapshot would list more buckets or policies than a reader accepts",
    remedy: "Back up fewer buckets with the setting buckets. The next run uses what was copied.",
  },
  target_refused: {
    status: 409,
    title: "The target refused an object or a bucket",
    remedy:
      "Read the message: it names the limit of the bucket or the project. Raise the limit, then restore again.",
  },
  target_differs: {
    status: 409,
    title: "Another object has this name in the target",
    remedy: "Start the restore with overwrite set to if_changed, or move the other object away.",
  },
  restored_bytes_differ: {
    status: 502,
    title: "A restored object does not read back as it was backed up",
    remedy:
      "Run the restore again. If the error stays, compare the object in the bucket with its SHA-256 in the listing.",
  },
  internal: {
    status: 500,
    title: "Something unexpected happened",
    remedy: "Read the function's logs around this time, and report the error.",
  },
} as const satisfies Record<string, ErrorKind>;

/** A stable error code. */
export type ErrorCode = keyof typeof ERRORS;

/** One fault of a request or of the settings: the path of the value and what is wrong with it. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** Optional parts of an error. */
export interface ErrorExtras {
  /** Replaces the catalogue's remedy with a more specific one. */
  readonly remedy?: string;
  /** The single faults of a request or of the settings. */
  readonly faults?: readonly Fault[];
  /** Further fields of the response's body. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** Milliseconds that a server asked to wait before the next request. */
  readonly retryAfterMs?: number | undefined;
}

/** Messages are cut here, because a server's message can have any length. */
const MAX_MESSAGE_CHARACTERS = 2_000;

/** An expected failure: a code of the catalogue with a message for this case. */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly faults: readonly Fault[];
  readonly facts: Readonly<Record<string, unknown>>;
  /** Milliseconds that a server asked to wait before the next request; 0 if none did. */
  readonly retryAfterMs: number;

  /** @param message is redacted, sanitized and cut to 2,000 characters */

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

/** Whether a text is a code of the catalogue. Codes from SQL are checked with it. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** The message of a thrown value for a log line or a row, redacted and sanitized. */
export function messageOf(thrown: unknown): string {
  return sanitizeText(redact(thrown instanceof Error ? thrown.message : String(thrown)));
}
