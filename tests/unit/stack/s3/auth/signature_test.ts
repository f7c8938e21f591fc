import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  canonicalRequest,
  sign,
  signingKey,
  stringToSign,
} from "../../../../../stack/s3/auth/signature.ts";
import { parseTarget } from "../../../../../stack/s3/uri.ts";

// The examples of "Authenticating Requests: Using the Authorization Header" in Amazon's S3 API
// Reference.
const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SCOPE = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  date: "20130524",
  region: "us-east-1",
  service: "s3",
};
const DATE = "20130524T000000Z";
const EMPTY = createHash("sha256").digest("hex");

function signature(
  method: string,
  target: string,
  headers: Record<string, string>,
  payloadHash: string,
): string {
  const { path, query } = parseTarget(target);
  const all = new Map(Object.entries({ ...headers, "x-amz-date": DATE }));
  const request = { method, path: decodeURIComponent(path), query, headers: all };
  const canonical = canonicalRequest(request, [...all.keys()].sort(), payloadHash);
  return sign(signingKey(SECRET, SCOPE), stringToSign(DATE, SCOPE, canonical));
}

Deno.test("S3 stand-in: Amazon's example of a GET has Amazon's signature", () => {
  const headers = {
    host: "examplebucket.s3.amazonaws.com",
    range: "bytes=0-9",
    "x-amz-content-sha256": EMPTY,
  };
  assert.equal(
    signature("GET", "/test.txt", headers, EMPTY),
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
});

Deno.test("S3 stand-in: Amazon's example of a PUT has Amazon's signature", () => {
  const payloadHash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
  const headers = {
    date: "Fri, 24 May 2013 00:00:00 GMT",
    host: "examplebucket.s3.amazonaws.com",
    "x-amz-content-sha256": payloadHash,
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
  };
  assert.equal(
    signature("PUT", "/test$file.text", headers, payloadHash),
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  );
});

Deno.test("S3 stand-in: Amazon's examples of queries have Amazon's signatures", () => {
  const headers = { host: "examplebucket.s3.amazonaws.com", "x-amz-content-sha256": EMPTY };
  assert.equal(
    signature("GET", "/?lifecycle", headers, EMPTY),
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  );
  assert.equal(
    signature("GET", "/?max-keys=2&prefix=J", headers, EMPTY),
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  );
});
