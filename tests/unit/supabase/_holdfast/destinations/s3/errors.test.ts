import assert from "node:assert/strict";
import {
  createHideKey,
  isChecksumMismatch,
  isRetryable,
  parseS3Error,
  s3Error,
} from "../../../../../../supabase/functions/_holdfast/destinations/s3/errors.ts";

const MEANINGS: [status: number, code: string, meaning: string][] = [
  [404, "NoSuchBucket", "repository_bucket_missing"],
  [301, "PermanentRedirect", "repository_bucket_missing"],
  [400, "InvalidBucketName", "repository_bucket_missing"],
  [403, "InvalidAccessKeyId", "repository_key_refused"],
  [403, "SignatureDoesNotMatch", "repository_key_refused"],
  [403, "RequestTimeTooSkewed", "repository_key_refused"],
  [400, "AuthorizationHeaderMalformed", "repository_key_refused"],
  [403, "AccessDenied", "repository_access_denied"],
  [403, "", "repository_access_denied"],
  [401, "SomethingElse", "repository_access_denied"],
  [503, "SlowDown", "repository_unreachable"],
  [200, "SlowDown", "repository_unreachable"],
  [500, "InternalError", "repository_unreachable"],
  [502, "", "repository_unreachable"],
  [429, "", "repository_unreachable"],
  [302, "", "repository_unreachable"],
  [307, "TemporaryRedirect", "repository_unreachable"],
  [400, "RequestTimeout", "repository_unreachable"],
  [409, "OperationAborted", "repository_unreachable"],
  [400, "BadDigest", "repository_refused"],
  [400, "", "repository_refused"],
  [411, "MissingContentLength", "repository_refused"],
];
for (const [status, code, meaning] of MEANINGS) {
  Deno.test(`${status} ${code || "without a code"} is ${meaning}`, () => {
    const error = s3Error("PUT a", status, code, "");
    assert.equal(error.code, meaning);
    assert.equal(error.message, `PUT a: ${code || `HTTP ${status}`}`);
  });
}

Deno.test("a code that is a property of Object.prototype is an unknown code", () => {
  for (const code of ["constructor", "toString", "__proto__"]) {
    assert.equal(s3Error("GET a", 400, code, "").code, "repository_refused");
  }
});

Deno.test("temporary errors are retried, and refusals are not", () => {
  for (const [status, code, meaning] of MEANINGS) {
    assert.equal(
      isRetryable(status, code),
      meaning === "repository_unreachable",
      `${status} ${code}`,
    );
  }
});

Deno.test("corruption in transit is classified apart from a refusal", () => {
  for (const code of ["XAmzContentSHA256Mismatch", "BadDigest"]) {
    assert.ok(isChecksumMismatch(code));
  }
  for (const code of ["AccessDenied", "InvalidPart", ""]) assert.ok(!isChecksumMismatch(code));
});

Deno.test("an error body is parsed, and other bodies have no code", () => {
  const body = '<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code>' +
    "<Message>Access Denied</Message><RequestId>1</RequestId></Error>";
  assert.deepEqual(parseS3Error(body), { code: "AccessDenied", message: "Access Denied" });
  const none = { code: "", message: "" };
  assert.deepEqual(parseS3Error(""), none);
  assert.deepEqual(parseS3Error("<html><body>502 Bad Gateway</body></html>"), none);
  assert.deepEqual(parseS3Error('{"Code": "AccessDenied"}'), none);
  assert.deepEqual(parseS3Error(`<Code>${"x".repeat(501)}</Code>`), none);
});

Deno.test("the key is redacted in plain, XML and URL form", () => {
  const [accessKeyId, secretAccessKey] = ["AKIA&EXAMPLE", "example/<secret>"];
  const hide = createHideKey({ accessKeyId, secretAccessKey });
  const forms = [
    accessKeyId,
    "AKIA&amp;EXAMPLE",
    secretAccessKey,
    "example/&lt;secret&gt;",
    "AKIA%26EXAMPLE",
    "example%2F%3Csecret%3E",
  ];
  for (const form of forms) {
    assert.equal(hide(`Key '${form}', again ${form}.`), "Key '(hidden)', again (hidden).");
  }
  assert.equal(hide("Access Denied"), "Access Denied");
});
