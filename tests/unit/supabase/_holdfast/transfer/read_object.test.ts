import assert from "node:assert/strict";
import type { BackupItem } from "../../../../../supabase/functions/_holdfast/transfer/types.ts";
import { readObject } from "../../../../../supabase/functions/_holdfast/transfer/read_object.ts";
import { createEtagVerifier } from "../../../../../supabase/functions/_holdfast/transfer/etag_verifier.ts";
import type { Database } from "../../../../../supabase/functions/_holdfast/lib/database.ts";
import type {
  ObjectReader,
  StorageRead,
} from "../../../../../supabase/functions/_holdfast/project/storage_reader.ts";
import { TestClock } from "../../test_clock.ts";

const ITEM: BackupItem = {
  bucket_id: "b",
  name: "n",
  object_id: "o",
  version: "v1",
  size: 4,
  etag: '"e1"',
  metadata: {},
};

function bytes(text: string, etag = "e1", headers: Record<string, string> = {}): StorageRead {
  const response = new Response(text, {
    headers: { "content-length": `${text.length}`, ...headers },
  });
  return { kind: "bytes", response, etag, fresh: true };
}

const busy: StorageRead = { kind: "failed", message: "Storage answered 503: busy" };

/** Reads an object with these responses of Storage, in order, and these rows of the database. */
async function read(
  answers: StorageRead[],
  rows: (BackupItem | null)[] = [],
  item = ITEM,
  range?: { first: number; last: number },
) {
  const [remainingAnswers, remainingRows] = [[...answers], [...rows]];
  const reader: ObjectReader = {
    read: () =>
      Promise.resolve(
        remainingAnswers.length > 1 ? remainingAnswers.shift()! : remainingAnswers[0]!,
      ),
  };
  const database: Database = {
    call: <Result>() =>
      Promise.resolve((remainingRows.length > 0 ? remainingRows.shift() : item) as Result),
    close: () => Promise.resolve(),
  };
  const requests = { storage: 0 };
  const clock = new TestClock();
  const context = {
    clock,
    reader,
    database,
    createEtagVerifier: createEtagVerifier("http://kong:8000"),
  };
  const outcome = await readObject(item, context, requests, range);
  return { outcome, requests: requests.storage, waits: clock.waits };
}

async function failure(answers: StorageRead[], rows?: (BackupItem | null)[], item?: BackupItem) {
  const { outcome, requests, waits } = await read(answers, rows, item);
  assert.equal(outcome.kind, "failure");
  const { failure, possibleOutage } = outcome as Extract<typeof outcome, { kind: "failure" }>;
  return { ...failure, possibleOutage, requests, waits };
}

Deno.test("bytes that match the row are read with one request", async () => {
  const { outcome, requests } = await read([bytes("1234")]);
  assert.equal(outcome.kind, "read");
  assert.equal(requests, 1);
});

/** An answer to a ranged GET. */
function part(text: string, contentRange?: string): StorageRead {
  return bytes(text, "e1", contentRange === undefined ? {} : { "content-range": contentRange });
}

Deno.test("a part is read if the object has the row's size", async () => {
  const range = { first: 2, last: 3 };
  const { outcome } = await read([part("34", "bytes 2-3/4")], [], ITEM, range);
  assert.equal(outcome.kind, "read");
});

Deno.test("a part is unavailable if the object is larger or smaller than the row's size", async () => {
  for (const total of [3, 5, 30_000_000]) {
    const { outcome } = await read([part("12", `bytes 0-1/${total}`)], [], ITEM, {
      first: 0,
      last: 1,
    });
    assert.ok(outcome.kind === "failure");
    assert.deepEqual(
      [outcome.failure.class, outcome.failure.code, outcome.failure.message],
      ["unavailable", "bytes_differ", `the row says 4 bytes, Storage has ${total}`],
    );
  }
});

Deno.test("a response with another range is refused", async () => {
  for (const stated of ["bytes 0-1/4", "bytes 2-2/4", "bytes 2-3/*", undefined]) {
    const { outcome, requests } = await read([part("34", stated)], [], ITEM, {
      first: 2,
      last: 3,
    });
    assert.ok(outcome.kind === "failure");
    assert.deepEqual([outcome.failure.code, requests], ["storage_failed", 4], stated);
  }
});

Deno.test("if a row has no etag, its version identifies the bytes that were read", async () => {
  const item = { ...ITEM, etag: null };
  const now = { ...ITEM, version: "v2", etag: "e2" };
  const whole = await read([bytes("old!", "e1"), bytes("new!", "e2")], [now], item);
  assert.deepEqual(whole.outcome, {
    kind: "read",
    item: now,
    bytes: new TextEncoder().encode("new!"),
  });
  const range = { first: 0, last: 1 };
  const answers = [part("ne", "bytes 0-1/4")];
  assert.deepEqual((await read(answers, [now], item, range)).outcome, {
    kind: "changed",
    item: now,
  });
  assert.deepEqual((await read([bytes("1234")], [null], item)).outcome, { kind: "missing" });
});

Deno.test("a row without size and etag matches any bytes", async () => {
  const { outcome } = await read([bytes("12", "x")], [], { ...ITEM, size: null, etag: null });
  assert.equal(outcome.kind, "read");
});

Deno.test("after a stale response of a cache the object is read again", async () => {
  const { outcome, requests } = await read([bytes("old!", "e0"), bytes("1234")]);
  assert.equal(outcome.kind, "read");
  assert.equal(requests, 2);
});

Deno.test("an object that is overwritten during the read is read in its new version", async () => {
  const now = { ...ITEM, version: "v2", etag: "e2", size: 2 };
  const { outcome } = await read([bytes("12", "e2"), bytes("12", "e2")], [now]);
  assert.deepEqual(outcome, { kind: "read", item: now, bytes: new TextEncoder().encode("12") });
});

Deno.test("a part of an object that was overwritten is not mixed with the other parts", async () => {
  const now = { ...ITEM, version: "v2", etag: "e2" };
  const range = { first: 0, last: 1 };
  const { outcome } = await read([bytes("12", "e2")], [now], ITEM, range);
  assert.deepEqual(outcome, { kind: "changed", item: now });
});

Deno.test("an object whose row is missing counts as deleted", async () => {
  const { outcome } = await read([{ kind: "missing" }], [null]);
  assert.deepEqual(outcome, { kind: "missing" });
});

Deno.test("bytes that stay missing are unavailable", async () => {
  const { class: kind, code, requests } = await failure([{ kind: "missing" }]);
  assert.deepEqual([kind, code, requests], ["unavailable", "bytes_missing", 2]);
});

Deno.test("bytes that keep differing from the row in etag or length are unavailable", async () => {
  const etag = await failure([
    bytes("1234", "e9"),
    bytes("1234", "e9"),
    bytes("1234", "e9"),
    bytes("1234", "e9"),
  ]);
  assert.deepEqual([etag.class, etag.code], ["unavailable", "bytes_differ"]);
  assert.match(etag.message, /e1.*e9/);
  const length = await failure([1, 2, 3, 4].map(() => bytes("123")));
  assert.deepEqual([length.class, length.code], ["unavailable", "bytes_differ"]);
});

Deno.test("a body that is cut short is a failure, not bytes", async () => {
  const short = () => {
    const response = new Response("12");
    return { kind: "bytes", response, etag: "e1", fresh: true } as const;
  };
  const { class: kind, code } = await failure([short(), short(), short(), short()]);
  assert.deepEqual([kind, code], ["failed", "storage_failed"]);
});

/** The MD5 of 1234. */
const MD5 = "81dc9bdb52d04dc20036dbd8313ed055";

Deno.test("bytes that do not match their etag are read again", async () => {
  const item = { ...ITEM, etag: MD5 };
  const { outcome, requests } = await read([bytes("1235", MD5), bytes("1234", MD5)], [], item);
  assert.deepEqual(outcome, { kind: "read", item, bytes: new TextEncoder().encode("1234") });
  assert.equal(requests, 2);
});

Deno.test("bytes that are corrupted differently each time are unavailable", async () => {
  const corrupted = ["1235", "1236", "1237", "1238"].map((text) => bytes(text, MD5));
  const { code, possibleOutage } = await failure(corrupted, [], { ...ITEM, etag: MD5 });
  assert.deepEqual([code, possibleOutage], ["storage_failed", { busy: false, retryAfterMs: 0 }]);
});

Deno.test("a part is not verified against the etag of the object", async () => {
  const answer = bytes("34", MD5, { "content-range": "bytes 2-3/4" });
  const range = { first: 2, last: 3 };
  const { requests } = await read([answer], [], { ...ITEM, etag: MD5 }, range);
  assert.equal(requests, 1);
});

Deno.test("a name that cannot be requested is not retried", async () => {
  const answer = await failure([{ kind: "unfetchable", message: "no" }]);
  assert.deepEqual([answer.class, answer.code, answer.requests], [
    "unavailable",
    "name_unfetchable",
    1,
  ]);
});

Deno.test("if Storage stays busy, the object fails after four attempts", async () => {
  const answer = await failure([busy]);
  assert.deepEqual([answer.class, answer.code, answer.requests], ["failed", "storage_failed", 4]);
});

Deno.test("a Retry-After of an hour ends the retries and is reported to the caller", async () => {
  const asked = { ...busy, busy: true, retryAfterMs: 3_600_000 } as StorageRead;
  const { waits, requests, possibleOutage } = await failure([asked]);
  assert.deepEqual([waits, requests], [[], 1]);
  assert.deepEqual(possibleOutage, { busy: true, retryAfterMs: 3_600_000 });
});

Deno.test("a retry waits for a Retry-After of seconds", async () => {
  const { waits } = await failure([{ ...busy, retryAfterMs: 2_000 } as StorageRead]);
  assert.equal(waits.length, 3);
  for (const [index, wait] of waits.entries()) {
    assert.ok(wait >= 2_000 && wait <= 2_000 + 100 * 2 ** (index + 1), `${wait} ms`);
  }
});

Deno.test("possible outages are classified apart from errors about the object", async () => {
  const none = { busy: false, retryAfterMs: 0 };
  assert.deepEqual((await failure([busy])).possibleOutage, none);
  const cut = (): StorageRead => {
    return { kind: "bytes", response: new Response("12"), etag: "e1", fresh: true };
  };
  assert.deepEqual((await failure([cut(), cut(), cut(), cut()])).possibleOutage, none);
  const own: StorageRead = { kind: "failed", message: "Storage answered 416", ofObject: true };
  for (const answer of [own, { kind: "missing" } as const]) {
    assert.equal((await failure([answer])).possibleOutage, undefined);
  }
});

Deno.test("an object that changes during every read is postponed to the next run", async () => {
  const rows = Array.from({ length: 9 }, (_, index) => ({ ...ITEM, version: `v${index + 2}` }));
  const { code, requests } = await failure([{ kind: "missing" }], rows);
  assert.equal(code, "storage_failed");
  assert.equal(requests, 6);
});
