import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { UploadedPart } from "../../../../../../supabase/functions/_holdfast/destinations/store.ts";
import type { Answer } from "../../../fake_transport.ts";
import { open, refused, xml } from "./s3_fixture.ts";

const answer = (body: string, status = 200, headers: Record<string, string> = {}) =>
  new Response(body, { status, headers });
const completed = () =>
  answer(
    '<?xml version="1.0"?>\n<CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      "<Key>k</Key><ETag></ETag></CompleteMultipartUploadResult>",
  );
const cutShort = () =>
  new Response(
    new ReadableStream({ pull: (controller) => controller.error(new TypeError("cut")) }),
  );

const PARTS: UploadedPart[] = [
  { number: 1, size: 8, etag: '"a&b<c>"', sha256: "1".repeat(64) },
  { number: 2, size: 3, etag: '"d"', sha256: "2".repeat(64) },
];

Deno.test("an upload begins with its type, and its id is decoded from XML", async () => {
  const { store, sent } = open({}, answer("<R><Key>k</Key><UploadId>a&amp;b</UploadId></R>"));
  assert.equal(await store.beginUpload("data/a b", "image/png"), "a&b");
  const { method, url, headers } = sent[0]!;
  assert.deepEqual(
    [method, url.pathname, url.search, headers.get("content-type")],
    ["POST", "/backups/team/holdfast/data/a%20b", "?uploads=", "image/png"],
  );
});

Deno.test("a response without an upload id is an error", async () => {
  await refused(
    () => open({}, answer("<R></R>")).store.beginUpload("a", "b"),
    "repository_unreachable",
  );
  await refused(() => open({}, cutShort).store.beginUpload("a", "b"), "repository_unreachable");
});

Deno.test("a completion lists the parts, is signed with its digest and requires that no object exists", async () => {
  const { store, sent } = open({}, completed());
  assert.equal(await store.completeUpload("a", "u/1", PARTS), "stored");
  const { method, url, headers, body } = sent[0]!;
  assert.deepEqual(
    [method, url.search, headers.get("if-none-match")],
    ["POST", "?uploadId=u%2F1", "*"],
  );
  assert.equal(
    new TextDecoder().decode(body),
    '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      "<Part><PartNumber>1</PartNumber><ETag>&quot;a&amp;b&lt;c&gt;&quot;</ETag></Part>" +
      "<Part><PartNumber>2</PartNumber><ETag>&quot;d&quot;</ETag></Part></CompleteMultipartUpload>",
  );
  assert.equal(
    headers.get("x-amz-content-sha256"),
    createHash("sha256").update(body!).digest("hex"),
  );
});

const ENDS: [what: string, response: () => Answer, outcome: string][] = [
  ["another object is there", () => xml(412, "PreconditionFailed"), "exists"],
  ["another one came while it assembled", () => xml(200, "PreconditionFailed"), "exists"],
  ["the upload is unknown", () => xml(404, "NoSuchUpload"), "missing"],
  ["a part is not what it was", () => xml(400, "InvalidPart"), "missing"],
];
for (const [what, response, outcome] of ENDS) {
  Deno.test(`the outcome of a completion where ${what}`, async () => {
    assert.equal(await open({}, response()).store.completeUpload("a", "u", PARTS), outcome);
  });
}

const REFUSALS: [what: string, response: () => Answer, code: string][] = [
  ["fails after its 200", () => xml(200, "InternalError"), "repository_unreachable"],
  ["breaks off", cutShort, "repository_unreachable"],
  ["is answered by an empty page", () => answer(""), "repository_unreachable"],
  ["is answered by a proxy", () => answer("<html>Hello</html>"), "repository_unreachable"],
  ["is never answered", () => new TypeError("reset"), "repository_unreachable"],
  ["is malformed", () => xml(400, "MalformedXML"), "repository_refused"],
  ["is for no bucket", () => xml(404, "NoSuchBucket"), "repository_bucket_missing"],
];
for (const [what, response, code] of REFUSALS) {
  Deno.test(`a completion that ${what} is ${code}`, async () => {
    await refused(() => open({}, response()).store.completeUpload("a", "u", PARTS), code);
  });
}

for (const code of ["MalformedXML", "InvalidPartOrder", "InvalidPart", "BadDigest"]) {
  Deno.test(`a list of parts answered with ${code} may have been corrupted and is sent again`, async () => {
    const { store, sent } = open({}, xml(400, code), completed());
    assert.equal(await store.completeUpload("a", "u", PARTS), "stored");
    assert.deepEqual(sent[0]!.body, sent[1]!.body);
    assert.deepEqual(sent.map(({ headers }) => headers.get("if-none-match")), ["*", "*"]);
  });
}

Deno.test("a server without conditional completions gets a completion without a condition", async () => {
  const { store, sent } = open({}, xml(501, "NotImplemented"), completed());
  assert.equal(await store.completeUpload("a", "u", PARTS), "stored");
  assert.deepEqual(sent.map(({ headers }) => headers.get("if-none-match")), ["*", null]);
});

Deno.test("a missing upload counts as aborted; an upload that may not be aborted does not", async () => {
  const { store, sent } = open({}, answer("", 200), xml(404, "NoSuchUpload"));
  await store.abortUpload("a", "u+");
  await store.abortUpload("a", "u+");
  assert.deepEqual([sent[0]!.method, sent[0]!.url.search], ["DELETE", "?uploadId=u%2B"]);
  const denied = open({}, xml(403, "AccessDenied")).store;
  await refused(() => denied.abortUpload("a", "u"), "repository_access_denied");
});

Deno.test("unfinished uploads are listed below a prefix from a marker", async () => {
  const upload = (key: string, id: string) =>
    `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiator><ID>i</ID></Initiator>` +
    "<Initiated>2026-11-20T10:00:00.000Z</Initiated></Upload>";
  const { store, sent } = open(
    {},
    answer(
      "<R><Prefix>p</Prefix><IsTruncated>true</IsTruncated>" +
        upload("team/holdfast/data/a&amp;b", "1") + upload("other/data/c", "2") + "</R>",
      200,
      { date: "Sat, 21 Nov 2026 10:00:00 GMT" },
    ),
  );
  assert.deepEqual(await store.listUploads("data/", { key: "data/a", id: "x/y" }), {
    uploads: [{ key: "data/a&b", id: "1", begunAt: new Date("2026-11-20T10:00:00Z") }],
    more: true,
    now: new Date("2026-11-21T10:00:00Z"),
  });
  assert.equal(
    sent[0]!.url.search,
    "?key-marker=team%2Fholdfast%2Fdata%2Fa&prefix=team%2Fholdfast%2Fdata%2F" +
      "&upload-id-marker=x%2Fy&uploads=",
  );
});
