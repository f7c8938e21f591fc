import assert from "node:assert/strict";
import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
} from "@aws-sdk/client-s3";
import { s3Test } from "./context.ts";
import { beginUpload, named, partBytes, sendPart } from "./uploads.ts";

s3Test("parts are listed in pages, in the order of their numbers", async (s3) => {
  const upload = await beginUpload(s3, "object", { ContentType: "text/plain" });
  const sent = [];
  for (const number of [12, 3, 1]) {
    sent.unshift(await sendPart(s3, upload, number, partBytes(number, number * 10)));
  }
  const first = await s3.client.send(new ListPartsCommand({ ...upload, MaxParts: 2 }));
  assert.deepEqual([first.IsTruncated, first.NextPartNumberMarker], [true, "3"]);
  const PartNumberMarker = first.NextPartNumberMarker;
  const second = await s3.client.send(new ListPartsCommand({ ...upload, PartNumberMarker }));
  assert.equal(second.IsTruncated, false);
  const listed = [...first.Parts ?? [], ...second.Parts ?? []];
  assert.deepEqual(
    listed.map(({ PartNumber, Size, ETag }) => [PartNumber, Size, ETag]),
    sent.map(({ PartNumber, ETag }) => [PartNumber, (PartNumber ?? 0) * 10, ETag]),
  );
});

s3Test("the parts of an upload that is not there cannot be listed", async (s3) => {
  const upload = await beginUpload(s3, "object");
  await s3.client.send(new AbortMultipartUploadCommand(upload));
  const listing = s3.client.send(new ListPartsCommand(upload));
  await assert.rejects(listing, named(s3.behaviour.listPartsMissingCode));
});

s3Test("uploads under way are listed by prefix, in pages", async (s3) => {
  const names = ["a/1", "a/2", "a/3", "b/1"];
  const uploads = [];
  for (const name of names) uploads.push(await beginUpload(s3, name));

  const found: string[] = [];
  const place = { Bucket: s3.bucket, Prefix: s3.key("a/"), MaxUploads: 2 };
  let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (markers !== undefined) {
    const page: ListMultipartUploadsCommandOutput = await s3.client.send(
      new ListMultipartUploadsCommand({ ...place, ...markers }),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      found.push(`${Key} ${UploadId}`);
      assert.ok(Math.abs(Date.now() - Number(Initiated)) < 60_000);
    }
    assert.ok((page.Uploads ?? []).length <= 2);
    markers = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
      : undefined;
  }
  const expected = uploads.slice(0, 3).map(({ Key, UploadId }) => `${Key} ${UploadId}`);
  assert.deepEqual(found, expected);

  await s3.client.send(new AbortMultipartUploadCommand(uploads[0]));
  const rest = await s3.client.send(
    new ListMultipartUploadsCommand({ Bucket: s3.bucket, Prefix: s3.key("a/1") }),
  );
  assert.deepEqual(rest.Uploads ?? [], []);
});
