import assert from "node:assert/strict";
import type { Database } from "../../../../../../supabase/functions/_holdfast/lib/database.ts";
import type { ObjectReader } from "../../../../../../supabase/functions/_holdfast/project/storage_reader.ts";
import type { ObjectWriter } from "../../../../../../supabase/functions/_holdfast/project/storage_writer.ts";
import type { RepositoryStore } from "../../../../../../supabase/functions/_holdfast/destinations/store.ts";
import { uploadBlob } from "../../../../../../supabase/functions/_holdfast/jobs/restore/upload_blob.ts";
import { heldItem } from "./held_item.ts";

const BYTES = new TextEncoder().encode("as backed up");

const ITEM = heldItem(BYTES);

/** Uploads a blob whose first reads return these bytes. Returns the uploads and the number of reads. */
async function put(...corrupted: (Uint8Array | undefined)[]) {
  let reads = 0;
  const sent: unknown[] = [];
  const get = () => {
    const bytes = reads < corrupted.length ? corrupted[reads] : BYTES;
    reads += 1;
    return Promise.resolve(bytes?.slice());
  };
  const upload: ObjectWriter["upload"] = async (_bucket, _name, body) => {
    const bytes = await body();
    // The buffer is reused after the request, so it is decoded here.
    sent.push(new TextDecoder().decode(bytes as Uint8Array));
    return { kind: "done" };
  };
  const outside = {
    store: { get } as Partial<RepositoryStore> as RepositoryStore,
    writer: { upload } as Partial<ObjectWriter> as ObjectWriter,
    reader: {} as ObjectReader,
    database: {} as Database,
    attempts: 1,
  };
  const putting = uploadBlob(ITEM, { bucket: "b", name: "n" }, false, outside);
  return { outcome: await putting.catch((error) => error), sent, reads };
}

const FLIPPED = BYTES.map((byte, at) => at === 3 ? ~byte : byte);

Deno.test("bytes that were corrupted on the way from the repository are read again", async () => {
  for (const corrupted of [FLIPPED, BYTES.subarray(1), undefined]) {
    const { outcome, sent, reads } = await put(corrupted, corrupted);
    assert.deepEqual(outcome, { kind: "done" });
    assert.deepEqual(sent, ["as backed up"]);
    assert.equal(reads, 3);
  }
});

Deno.test("a blob that stays damaged is not uploaded", async () => {
  const { outcome, sent, reads } = await put(FLIPPED, FLIPPED, FLIPPED);
  assert.equal(outcome.code, "repository_damaged");
  assert.match(outcome.message, /data\/b\/n\/v is not what was backed up/);
  assert.deepEqual(sent, []);
  assert.equal(reads, 3);
});
