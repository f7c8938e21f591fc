import { deepEqual, equal } from "node:assert/strict";
import { AwsV4Signer } from "aws4fetch";
import fc from "fast-check";
import {
  createSigner,
  encodeKey,
  type SignedRequest,
} from "../../../../../../supabase/functions/_holdfast/destinations/s3/sigv4.ts";
import { anyText } from "../../../any_text.ts";

// The examples of "Signature Calculations for the Authorization Header" in Amazon S3's API
// reference, with the key that AWS's documentation uses throughout.
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NOW = new Date("2013-05-24T00:00:00Z");
const sign = createSigner({
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  region: "us-east-1",
});

const EXAMPLES: { name: string; request: Omit<SignedRequest, "host">; signature: string }[] = [
  {
    name: "GET Object",
    request: {
      method: "GET",
      path: "/test.txt",
      query: "",
      headers: { range: "bytes=0-9" },
      payloadSha256: EMPTY,
    },
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    name: "PUT Object",
    request: {
      method: "PUT",
      path: "/test%24file.text",
      query: "",
      headers: {
        date: "Fri, 24 May 2013 00:00:00 GMT",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
      },
      payloadSha256: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    },
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    name: "GET Bucket Lifecycle",
    request: { method: "GET", path: "/", query: "lifecycle=", headers: {}, payloadSha256: EMPTY },
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    name: "Get Bucket (List Objects)",
    request: {
      method: "GET",
      path: "/",
      query: "max-keys=2&prefix=J",
      headers: {},
      payloadSha256: EMPTY,
    },
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
];

for (const { name, request, signature } of EXAMPLES) {
  Deno.test(`signs as AWS's example does: ${name}`, () => {
    const headers = sign({ ...request, host: "examplebucket.s3.amazonaws.com" }, NOW);
    equal(headers["authorization"]?.split("Signature=")[1], signature);
    equal(headers["x-amz-date"], "20130524T000000Z");
  });
}

Deno.test("a signer that lives past midnight signs with the new day's key", () => {
  const request = {
    method: "GET",
    host: "h",
    path: "/",
    query: "",
    headers: {},
    payloadSha256: EMPTY,
  };
  const key = { accessKeyId: "a", secretAccessKey: "b", region: "r" };
  const old = createSigner(key);
  old(request, new Date("2026-01-01T23:59:59Z"));
  const next = new Date("2026-01-02T00:00:01Z");
  equal(old(request, next)["authorization"], createSigner(key)(request, next)["authorization"]);
});

Deno.test("encodes a key as AWS signs it", () => {
  equal(encodeKey("a b/+&=é(1)*'!~_-./$"), "a%20b/%2B%26%3D%C3%A9%281%29%2A%27%21~_-./%24");
});

/** Printable ASCII, the alphabet of S3's access keys. */
const secret = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 60 });
const segment = anyText({ maxLength: 20 })
  // A URL cannot name these; Holdfast uses a digest key for such names.
  .map((text) => text.replaceAll("\0", "").toWellFormed())
  .filter((text) => text !== "." && text !== "..");
const headerValue = fc.string({ unit: fc.constantFrom(..."abcXYZ019-_=/;+*") });

/** The signed headers and the signature. One implementation writes spaces in the header. */
function signatureOf(authorization: string | null | undefined): string[] {
  const found = /SignedHeaders=(\S+), ?Signature=([0-9a-f]{64})$/.exec(authorization ?? "");
  return found ? found.slice(1) : [`no signature: ${authorization}`];
}

Deno.test("signs what Holdfast sends as aws4fetch does", async () => {
  const asked = fc.record({
    method: fc.constantFrom("GET", "HEAD", "PUT"),
    host: fc.constantFrom("s3.example.com", "127.0.0.1:9000", "b.s3.eu-central-1.amazonaws.com"),
    key: fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join("/")),
    uploadId: fc.option(fc.string({ unit: "grapheme-ascii", minLength: 1 })),
    headers: fc.dictionary(
      fc.constantFrom("content-type", "if-none-match", "x-amz-meta-sha256"),
      headerValue,
    ),
    payloadSha256: fc.string({
      unit: fc.constantFrom(..."0123456789abcdef"),
      minLength: 64,
      maxLength: 64,
    }),
    signer: fc.record({
      accessKeyId: secret,
      secretAccessKey: secret,
      region: fc.constantFrom("us-east-1", "default"),
    }),
    time: fc.date({
      min: new Date("2020-01-01"),
      max: new Date("2099-01-01"),
      noInvalidDate: true,
    }),
  });
  await fc.assert(
    fc.asyncProperty(asked, async ({ signer: key, time, ...request }) => {
      const path = `/bucket/${encodeKey(request.key)}`;
      const query = request.uploadId === null
        ? ""
        : `partNumber=1&uploadId=${encodeKey(request.uploadId).replaceAll("/", "%2F")}`;
      const signed = createSigner(key)({ ...request, path, query }, time);
      const oracle = new AwsV4Signer({
        ...key,
        service: "s3",
        method: request.method,
        url: `https://${request.host}${path}${query && `?${query}`}`,
        headers: { ...request.headers, "x-amz-content-sha256": request.payloadSha256 },
        datetime: time.toISOString().replace(/[-:]|\.\d{3}/g, ""),
        allHeaders: true,
      });
      const { headers } = await oracle.sign();
      deepEqual(signatureOf(signed["authorization"]), signatureOf(headers.get("authorization")));
      equal(signed["x-amz-date"], headers.get("x-amz-date"));
    }),
    { numRuns: 500 },
  );
});

Deno.test("URL parsers do not change a key's path", () => {
  fc.assert(fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
    const path = `/${encodeKey(segments.join("/"))}`;
    equal(new URL(`https://h${path}`).pathname, path);
  }));
});
