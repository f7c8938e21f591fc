import assert from "node:assert/strict";
import postgres from "postgres";
import fc from "fast-check";
import type { BackupItem } from "../../../../../../supabase/functions/_holdfast/transfer/types.ts";
import type { CopyContext } from "../../../../../../supabase/functions/_holdfast/jobs/backup/copy.ts";
import {
  createBudget,
  PAGE_BYTES,
} from "../../../../../../supabase/functions/_holdfast/engine/budget.ts";
import {
  actOnPage,
  cutPage,
} from "../../../../../../supabase/functions/_holdfast/jobs/backup/batch.ts";
import { HoldfastError } from "../../../../../../supabase/functions/_holdfast/config/errors.ts";
import type { StorageRead } from "../../../../../../supabase/functions/_holdfast/project/storage_reader.ts";
import { TestClock } from "../../../test_clock.ts";
import { PART_BYTES } from "../../../../../../supabase/functions/_holdfast/transfer/parts.ts";

function item(name: string, size: number | null, blob: number | null = null): BackupItem {
  const [bucket_id, object_id, version] = ["b", "o", "v"];
  return { bucket_id, name, object_id, version, size, etag: null, metadata: {}, blob };
}

/** The bytes of a copy in memory. A held object and a multipart object take none. */
const bytes = ({ blob, size }: BackupItem) =>
  blob || (size ?? 0) > PART_BYTES ? 0 : size ?? PART_BYTES;

const items = fc.array(
  fc.record({
    size: fc.oneof(fc.constant(null), fc.nat(PART_BYTES), fc.nat(20 * PART_BYTES)),
    blob: fc.option(fc.integer({ min: 1, max: 9 })),
  }),
  { maxLength: 60 },
).map((all) => all.map(({ size, blob }, index) => item(`${index}`, size, blob)));

Deno.test("pages follow one another without a gap, each within the limits of objects and bytes", () => {
  fc.assert(fc.property(items, fc.integer({ min: 1, max: 30 }), (all, most) => {
    const pages: BackupItem[][] = [];
    for (let rest: readonly BackupItem[] = all; rest.length > 0;) {
      const page = cutPage(rest, most);
      assert.ok(page.length > 0, "a page of nothing would never end");
      assert.ok(page.length <= most);
      const total = page.reduce((sum, one) => sum + bytes(one), 0);
      assert.ok(total <= PAGE_BYTES || page.length === 1, `${total} bytes`);
      const next = rest[page.length];
      assert.ok(
        next === undefined || page.length === most || total + bytes(next) > PAGE_BYTES,
        "no page is shorter than it must be",
      );
      pages.push(page);
      rest = rest.slice(page.length);
    }
    assert.deepEqual(pages.flat(), all);
  }));
});

Deno.test("no items give no page, and any items give at least one", () => {
  assert.deepEqual(cutPage([], 500), []);
  assert.equal(cutPage([item("a", 1), item("b", 1)], 0).length, 1, "and any items at least one");
});

Deno.test("an object of unknown size counts as a full part, and an object already held as zero bytes", () => {
  const fit = PAGE_BYTES / PART_BYTES;
  const unknown = Array.from({ length: fit + 5 }, (_, index) => item(`${index}`, null));
  assert.equal(cutPage(unknown, 500).length, fit);
  const held = unknown.map((one) => ({ ...one, blob: 1 }));
  assert.equal(cutPage(held, 500).length, fit + 5);
});

/** Storage's response for a name, and the outcome of a PUT to the repository. */
interface World {
  read: (name: string) => StorageRead;
  put?: (key: string, bytes: Uint8Array) => Promise<"stored">;
  attempts?: number;
}

const good = (text = "1234"): StorageRead => {
  const response = new Response(text, { headers: { "content-length": "4" } });
  return { kind: "bytes", response, etag: "", fresh: true };
};
const bad: StorageRead = { kind: "failed", message: "HTTP 500" };

/** Copies a page of files of four bytes with these names. */
async function act(names: string[], { read, put, attempts = 1 }: World) {
  const page = names.map((name) => item(name, 4));
  const clock = new TestClock();
  const outside = {
    clock,
    attempts,
    storageAnswers: () => Promise.resolve(true),
    createEtagVerifier: () => () => false,
    reader: { read: (_: string, name: string) => Promise.resolve(read(name)) },
    store: { put: put ?? (() => Promise.resolve("stored")) },
    database: {
      call: (name: string, { name: of }: { name?: string }) =>
        Promise.resolve(
          name === "object_now"
            ? page.find((one) => one.name === of)
            : name === "readable_objects"
            ? []
            : false,
        ),
    },
  } as unknown as CopyContext;
  const result = await actOnPage(page, outside, createBudget({ clock }));
  return { ...result, names: result.results.map(({ name }) => name) };
}

Deno.test("an object that keeps failing while others succeed is recorded and skipped", async () => {
  const { taken, names, results, outage, counters } = await act(["a", "b", "c"], {
    read: (name) => name === "b" ? bad : good(),
  });
  assert.deepEqual([taken, names, outage], [3, ["a", "b", "c"], undefined]);
  assert.deepEqual(results[1]!.failure, {
    class: "failed",
    code: "storage_failed",
    message: "HTTP 500",
  });
  assert.ok(
    !("possibleOutage" in results[1]!),
    "the result for the database has no possibleOutage",
  );
  assert.deepEqual([counters.objects_copied, counters.objects_failed], [2, 1]);
});

Deno.test("during a Storage outage no object is skipped and no failure is recorded", async () => {
  let out = false;
  const { taken, names, outage, counters } = await act(["a", "b", "c", "d"], {
    // Storage goes down after the response for d.
    read: (name) => {
      if (name === "b" || out) return bad;
      out = name === "d";
      return good();
    },
  });
  assert.equal(taken, 1);
  assert.deepEqual(names, ["a", "c", "d"], "what was copied behind it is not lost");
  assert.equal(outage?.code, "storage_unreachable");
  assert.equal(counters.objects_failed, 0);
});

Deno.test("an outage stops new reads once it is detected", async () => {
  const asked = new Set<string>();
  const many = Array.from({ length: 400 }, (_, index) => `${index}`.padStart(3, "0"));
  const { taken, results, outage } = await act(many, {
    read: (name) => {
      asked.add(name);
      return bad;
    },
  });
  assert.deepEqual([taken, results, outage?.code], [0, [], "storage_unreachable"]);
  assert.ok(asked.size <= 64, `${asked.size} objects were tried`);
});

Deno.test("if the repository becomes unavailable, the objects copied before are committed", async () => {
  const error = new HoldfastError("repository_unreachable", "down", { retryAfterMs: 60_000 });
  const { taken, names, outage } = await act(["a", "b", "c"], {
    read: (name) => good(name.repeat(4)),
    put: (_, bytes) => bytes[0] === 98 ? Promise.reject(error) : Promise.resolve("stored"),
  });
  assert.deepEqual([taken, names, outage], [1, ["a", "c"], error]);
});

Deno.test("a lock timeout of the database is not an object's failure, and nothing is committed", async () => {
  const error = new postgres.PostgresError("canceling statement due to lock timeout");
  const put = () => Promise.reject(error);
  await assert.rejects(act(["a"], { read: () => good(), put }), error);
});
