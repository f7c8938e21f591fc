/** Maps the error responses of S3 servers to Holdfast's errors. */
import { type ErrorCode, HoldfastError } from "../../config/errors.ts";
import { REDIRECTS } from "../../lib/http/redirects.ts";
import type { RepositorySettings } from "../../config/environment.ts";
import { element, encodeText } from "./xml.ts";

/** Longest code or message that goes into logs and rows. S3 sends no longer ones. */
const MAX_TEXT_CHARACTERS = 500;

const CODES: Readonly<Record<string, ErrorCode>> = {
  NoSuchBucket: "repository_bucket_missing",
  InvalidBucketName: "repository_bucket_missing",
  PermanentRedirect: "repository_bucket_missing",
  InvalidAccessKeyId: "repository_key_refused",
  SignatureDoesNotMatch: "repository_key_refused",
  InvalidToken: "repository_key_refused",
  ExpiredToken: "repository_key_refused",
  RequestTimeTooSkewed: "repository_key_refused",
  AuthorizationHeaderMalformed: "repository_key_refused",
  AccessDenied: "repository_access_denied",
  AllAccessDisabled: "repository_access_denied",
  AccountProblem: "repository_access_denied",
  // Concerns a single object, which a lifecycle rule moved to an archive.
  InvalidObjectState: "repository_refused",
};

/**
 * Whether the same request may succeed later.
 *
 * @param status HTTP status
 * @param code error code of the body; empty if there is none
 */
export function isRetryable(status: number, code: string): boolean {
  // Amazon sends a code with its own redirects, except with a 301 to a HEAD. A redirect without a code
  // comes from a proxy and may be temporary.
  const isProxyRedirect = status !== 301 && REDIRECTS.has(status) && code === "";
  return status === 429 || status >= 500 || isProxyRedirect || RETRYABLE.has(code);
}

/** Whether a code means that the body was corrupted in transit to the server. */
export function isChecksumMismatch(code: string): boolean {
  return code === "XAmzContentSHA256Mismatch" || code === "BadDigest";
}

/** Codes of temporary failures. */
const RETRYABLE: ReadonlySet<string> = new Set([
  "SlowDown",
  "RequestTimeout",
  "OperationAborted",
  "ConditionalRequestConflict",
  "TemporaryRedirect",
]);

/**
 * Makes the typed error for an error response.
 *
 * @param action name of the request, without secrets
 * @param status HTTP status
 * @param code error code of the body; empty if there is none
 * @param message message of the body, without the access key
 * @param retryAfterMs milliseconds that the server asked to wait
 */
export function s3Error(
  action: string,
  status: number,
  code: string,
  message: string,
  retryAfterMs?: number,
): HoldfastError {
  const named = Object.hasOwn(CODES, code) ? CODES[code] : undefined;
  const kind = named ??
    (isRetryable(status, code)
      ? "repository_unreachable"
      : status === 401 || status === 403
      ? "repository_access_denied"
      : "repository_refused");
  return new HoldfastError(
    kind,
    `${action}: ${code || `HTTP ${status}`}${message ? `, ${message}` : ""}`,
    { retryAfterMs: kind === "repository_unreachable" ? retryAfterMs : undefined },
  );
}

/** Replaces the S3 key in a text with `(hidden)`. */
export type HideKey = (text: string) => string;

/**
 * Makes a function that removes the S3 key from a text. Servers repeat the key's id in error
 * responses, also within the message, and these messages go into rows and logs.
 */
export function createHideKey(
  { accessKeyId, secretAccessKey }: Pick<
    RepositorySettings,
    "accessKeyId" | "secretAccessKey"
  >,
): HideKey {
  const forms = [secretAccessKey, accessKeyId]
    .flatMap((secret) => [secret, encodeText(secret), encodeURIComponent(secret)]);
  return (text) => forms.reduce((rest, form) => rest.replaceAll(form, "(hidden)"), text);
}

/** Parses the code and message of an error body. Both are empty if there is none, as for HEAD. */
export function parseS3Error(body: string): { code: string; message: string } {
  return { code: shortText(body, "Code"), message: shortText(body, "Message") };
}

function shortText(xml: string, name: string): string {
  const text = element(xml, name) ?? "";
  return text.length <= MAX_TEXT_CHARACTERS ? text : "";
}
