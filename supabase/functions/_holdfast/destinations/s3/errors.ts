/** What an S3 server's refusals mean to Holdfast. */
import { type ErrorCode, HoldfastError } from "../../config/errors.ts";
import { REDIRECTS } from "../../lib/http/redirects.ts";
import type { RepositorySettings } from "../../config/environment.ts";
import { element, encodeText } from "./xml.ts";

/** What a server says goes into logs and rows; what is longer is not from S3. */
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
  // One object's own: a lifecycle rule moved it to an archive.
  InvalidObjectState: "repository_refused",
};

/** Whether a status or code says that the same request may succeed a little later. */
export function isRetryable(status: number, code: string): boolean {
  // Amazon names its own redirects, a 301 of a HEAD excepted; what names none is of something that
  // stands before the server.
  const ledAway = status !== 301 && REDIRECTS.has(status) && code === "";
  return status === 429 || status >= 500 || ledAway || PASSING.has(code);
}

/** Whether a code says that what came is not what was sent: it may have been corrupted on its way. */
export function isChecksumMismatch(code: string): boolean {
  return code === "XAmzContentSHA256Mismatch" || code === "BadDigest";
}

const PASSING: ReadonlySet<string> = new Set([
  "SlowDown",
  "RequestTimeout",
  "OperationAborted",
  "ConditionalRequestConflict",
  "TemporaryRedirect",
]);

/** The typed error for an answer of an S3 server. `action` says what was asked, without secrets. */
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

/** Takes the S3 key out of a text. */
export type HideKey = (text: string) => string;

/**
 * Servers repeat in their refusals what they were sent, the key's id first of all: in an element of
 * its own, or in the midst of the message. What they answer goes into rows and logs.
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

/** Code and message of an S3 error body; empty texts where it is none, as for HEAD. */
export function parseS3Error(body: string): { code: string; message: string } {
  return { code: shortText(body, "Code"), message: shortText(body, "Message") };
}

function shortText(xml: string, name: string): string {
  const text = element(xml, name) ?? "";
  return text.length <= MAX_TEXT_CHARACTERS ? text : "";
}
