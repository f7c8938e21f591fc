import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ChunkSigner } from "../../../../stack/s3/auth/chunk_signer.ts";
import {
  canonicalRequest,
  sign,
  signingKey,
  stringToSign,
} from "../../../../stack/s3/auth/signature.ts";
import { parseTarget } from "../../../../stack/s3/uri.ts";

// The examples of "Authenticating Requests: Using the Authorization Header" and "Transferring
// Payload in Multiple Chunks" in Amazon's S3 API Reference.
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

Deno.test("S3 stand-in: Amazon's example of signed chunks is accepted, and no other", () => {
  const seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
  const signatures = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
  ];
  const chunks = [65536, 1024, 0].map((bytes) =>
    createHash("sha256").update("a".repeat(bytes)).digest("hex")
  );
  const key = signingKey(SECRET, SCOPE);
  const signer = new ChunkSigner(key, DATE, SCOPE, seed);
  chunks.forEach((chunk, index) => signer.checkChunk(chunk, signatures[index]));

  const other = new ChunkSigner(key, DATE, SCOPE, seed);
  assert.throws(() => other.checkChunk(chunks[1], signatures[0]), {
    code: "SignatureDoesNotMatch",
  });
});
