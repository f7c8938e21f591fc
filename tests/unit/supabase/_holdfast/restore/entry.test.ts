import assert from "node:assert/strict";
import fc from "fast-check";
import type { Database } from "../../../../../supabase/functions/_holdfast/project/database.ts";
import type {
  ByteRange,
  ObjectReader,
  StorageRead,
} from "../../../../../supabase/functions/_holdfast/project/storage.ts";
import type {
  ObjectPlace,
  ObjectWriter,
  WriteOutcome,
} from "../../../../../supabase/functions/_holdfast/project/target.ts";
import { restoreEntry } from "../../../../../supabase/functions/_holdfast/restore/entry.ts";
import type {
  RestoreItem,
  TargetObject,
} from "../../../../../supabase/functions/_holdfast/restore/items.ts";
import type { RestoreContext } from "../../../../../supabase/functions/_holdfast/restore/put.ts";
import { MemoryStore } from "../../memory_store.ts";
import { withoutWaiting } from "../../without_waiting.ts";
import { heldItem } from "./held_item.ts";

const BLOB = "what was backed up";
const KEY = "data/b/n/v";

const ITEM: RestoreItem = heldItem(BLOB, { key: KEY });

const MISSING: StorageRead = { kind: "missing" };
/** What Storage over files says of bytes that it lacks. */
const INTERNAL: StorageRead = { kind: "failed", message: "HTTP 500", internal: true };

/** A project's Storage: what lies where, and each write that was asked of it. */
class Target implements ObjectReader, ObjectWriter, Database {
  readonly objects = new Map<string, { bytes: string; version: string }>();
  readonly writes: string[] = [];
  readonly reads: string[] = [];
  /** By version. */
  readonly #lost = new Map<string, StorageRead>();
  afterRead: () => void = () => {};
  /** What becomes of the bytes of an upload. */
  spoil = (bytes: string) => bytes;
  #made = 0;

  /** What a place has to give; undefined where there is no object, or its bytes are lost. */
  bytes(place: string): string | undefined {
    const object = this.objects.get(place);
    return object && !this.#lost.has(object.version) ? object.bytes : undefined;
  }

  place(bucket: string, name: string, bytes: string): string {
    const version = `made ${++this.#made}`;
    this.objects.set(`${bucket}/${name}`, { bytes, version });
    return version;
  }

  async upload(
    bucket: string,
    name: string,
    body: () => Promise<Uint8Array<ArrayBuffer> | ReadableStream | undefined>,
    { upsert }: { upsert: boolean },
  ): Promise<WriteOutcome> {
    const sent = await body();
    if (sent === undefined) return { kind: "exists" };
    this.writes.push(`${upsert ? "overwrite" : "create"} ${bucket}/${name}`);
    const bytes = new TextDecoder().decode(sent as Uint8Array);
    if (!upsert && this.objects.has(`${bucket}/${name}`)) return { kind: "exists" } as const;
    this.place(bucket, name, this.spoil(bytes));
    return { kind: "done" } as const;
  }

  move(from: ObjectPlace, to: ObjectPlace) {
    this.writes.push(`move to ${to.bucket}/${to.name}`);
    const moved = this.objects.get(`${from.bucket}/${from.name}`)!;
    if (this.objects.has(`${to.bucket}/${to.name}`)) {
      return Promise.resolve({ kind: "exists" } as const);
    }
    this.objects.delete(`${from.bucket}/${from.name}`);
    this.place(to.bucket, to.name, moved.bytes);
    return Promise.resolve({ kind: "done" } as const);
  }

  /** Takes the bytes of an object away, and leaves its row; how Storage then answers. */
  lose(bucket: string, name: string, answer: StorageRead): void {
    this.#lost.set(this.objects.get(`${bucket}/${name}`)!.version, answer);
  }

  read(bucket: string, name: string, range?: ByteRange): Promise<StorageRead> {
    const place = `${bucket}/${name}`;
    this.reads.push(range ? `${place} ${range.first}-${range.last}` : place);
    const object = this.objects.get(place);
    const lost = object && this.#lost.get(object.version);
    this.afterRead();
    if (!object || lost) return Promise.resolve(lost ?? MISSING);
    const response = new Response(object.bytes);
    return Promise.resolve({ kind: "bytes", response, etag: "", fresh: true });
  }

  call<Result>(name: string, { bucket_id, name: of }: Record<string, unknown>): Promise<Result> {
    assert.equal(name, "object_now");
    const { version, bytes } = this.objects.get(`${bucket_id}/${of}`) ?? {};
    const row = version && { version, size: bytes!.length, etag: null };
    return Promise.resolve((row ?? null) as Result);
  }

  createBucket(): never {
    throw new Error("no part of an entry");
  }

  dropBucket(): never {
    throw new Error("a restore deletes nothing");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Bytes as they come where one was flipped on its way. */
const flipped = (bytes: string) => `${bytes.slice(0, -1)}~`;

interface Case {
  /** Whether its row says what the snapshot says, its times of change left out. */
  same_metadata?: boolean;
  /** What lies under the name: nothing, the blob's bytes or others. */
  there: "nothing" | "same" | "other";
  overwrite: "never" | "if-changed" | "always";
  held: boolean;
  direct: boolean;
  right?: boolean;
  of_this_run?: boolean;
  bare?: boolean;
  announced?: boolean;
}

function outsideOf(target: Target, store: MemoryStore): RestoreContext {
  const announce = ({ bucket, name }: ObjectPlace, { version }: { version: string }) => {
    const same = target.objects.get(`${bucket}/${name}`)?.version === version;
    return Promise.resolve(same);
  };
  return { store, reader: target, writer: target, database: target, announce, attempts: 1 };
}

async function restore(
  given: Case,
  change: (target: Target, store: MemoryStore) => void = () => {},
  attempts = 1,
) {
  const [target, store] = [new Target(), new MemoryStore()];
  store.write(KEY, BLOB);
  let known: TargetObject | null = null;
  if (given.there !== "nothing") {
    const version = target.place("b", "n", given.there === "same" ? BLOB : "others' bytes");
    known = {
      version,
      size: 1,
      etag: null,
      announced: given.announced ?? false,
      right: given.right ?? false,
      same_metadata: given.same_metadata ?? false,
      of_this_run: given.of_this_run ?? false,
      bare: given.bare ?? false,
      held: given.held,
    };
  }
  change(target, store);
  const { overwrite, direct } = given;
  const { result } = await withoutWaiting(() =>
    restoreEntry(
      { ...ITEM, target: known },
      { overwrite, scratch: "scratch", direct: () => direct },
      { ...outsideOf(target, store), attempts },
    )
  );
  return { result, target, there: target.bytes("b/n") };
}

const cases: fc.Arbitrary<Case> = fc.record({
  there: fc.constantFrom("nothing", "same", "other"),
  overwrite: fc.constantFrom("never", "if-changed", "always"),
  held: fc.boolean(),
  bare: fc.boolean(),
  direct: fc.boolean(),
});

Deno.test("nothing is overwritten that was not to be, or that no snapshot holds", async () => {
  await fc.assert(fc.asyncProperty(cases, async (given) => {
    const { result, target, there } = await restore(given);
    const may = given.overwrite !== "never" && given.held && given.there === "other";
    assert.equal(target.writes.includes("overwrite b/n"), may);
    assert.equal(there, given.there === "other" && !may ? "others' bytes" : BLOB);
    // Its row says something else, too, and that is in no snapshot where it is not held.
    const row = given.there === "same" && given.overwrite !== "never" && !given.held && !given.bare;
    const differs = row || (given.there === "other" && !may);
    assert.equal(result.failure?.code, differs ? "target_differs" : undefined);
    if (given.there === "same") assert.deepEqual(target.writes, []);
  }));
});

Deno.test("the row of an object that is right is patched only where it may be overwritten", async () => {
  for (const same_metadata of [true, false]) {
    for (const overwrite of ["never", "if-changed"] as const) {
      const given: Case = { there: "same", overwrite, held: true, direct: true, same_metadata };
      const { result } = await restore(given);
      assert.deepEqual(result.counts.slice(0, 2), ["objects_already_right", "objects_verified"]);
      assert.equal(result.restored_version !== undefined, overwrite === "if-changed");
    }
  }
});

Deno.test("where nothing is overwritten, a row is patched only of what was put and is not known yet", async () => {
  for (const of_this_run of [true, false]) {
    for (const right of [true, false]) {
      const given: Case = { there: "same", overwrite: "never", held: true, direct: true };
      const { result } = await restore({ ...given, right, of_this_run, same_metadata: false });
      const patched = of_this_run && !right;
      assert.equal(result.restored_version !== undefined, patched);
      assert.equal(result.counts.includes("objects_metadata_kept"), !patched);
    }
  }
});

Deno.test("an object that appears while it is restored stays as it is", async () => {
  for (const direct of [true, false]) {
    const given: Case = { there: "nothing", overwrite: "always", held: false, direct };
    const { result, there } = await restore(given, (target) => target.place("b", "n", "new"));
    assert.equal(there, "new");
    assert.equal(result.failure?.code, "target_differs");
  }
});

Deno.test("what does not read back as it was is no success, and goes to no one's place by move", async () => {
  for (const direct of [true, false]) {
    const given: Case = { there: "nothing", overwrite: "never", held: false, direct };
    const { result, there } = await restore(given, (target) => {
      target.spoil = flipped;
    });
    assert.equal(result.failure?.code, "restored_bytes_differ");
    assert.ok(!result.counts.includes("objects_verified"));
    if (!direct) assert.equal(there, undefined);
  }
});

Deno.test("what was spoilt on its way into the scratch bucket is put there again", async () => {
  const given: Case = { there: "nothing", overwrite: "never", held: false, direct: false };
  let puts = 0;
  const { result, there } = await restore(given, (target) => {
    target.spoil = (bytes) => puts++ === 0 ? flipped(bytes) : bytes;
  });
  assert.equal(result.failure, undefined);
  assert.ok(result.counts.includes("objects_verified"));
  assert.equal(there, BLOB);
  assert.equal(puts, 2);
});

Deno.test("what is spoilt on its way over something is told; it may be somebody else's by now", async () => {
  const given: Case = { there: "other", overwrite: "if-changed", held: true, direct: false };
  const { result, target } = await restore(given, (target) => {
    target.spoil = flipped;
  });
  assert.equal(result.failure?.code, "restored_bytes_differ");
  assert.deepEqual(target.writes, ["overwrite b/n"]);
});

Deno.test("what a user puts over what was just put stays", async () => {
  for (const there of ["nothing", "other"] as const) {
    for (const bytes of ["theirs", "of their own size!".slice(0, BLOB.length)]) {
      const given: Case = { there, overwrite: "if-changed", held: true, direct: true };
      let reads = 0;
      const { result, there: left } = await restore(given, (target) => {
        const read = target.read.bind(target);
        // While it is read back; where something was there, that was read before.
        target.read = (bucket, name) => {
          if (++reads === (there === "nothing" ? 1 : 2)) target.place(bucket, name, bytes);
          return read(bucket, name);
        };
      });
      assert.equal(left, bytes);
      assert.equal(result.failure?.code, "restored_bytes_differ");
    }
  }
});

Deno.test("what was put at a try whose answer was lost is restored, and no other's object", async () => {
  for (const direct of [true, false]) {
    const given: Case = { there: "nothing", overwrite: "never", held: false, direct };
    const { result } = await restore(given, (target) => {
      const write = direct ? "upload" : "move";
      const once = target[write].bind(target) as (...given: unknown[]) => Promise<unknown>;
      const repeated = async (...given: unknown[]) => (await once(...given), { kind: "exists" });
      Object.assign(target, { [write]: repeated });
    });
    assert.equal(result.failure, undefined);
    assert.ok(result.counts.includes("objects_verified"));
    assert.ok(result.restored_version);
  }
});

Deno.test("a move that was answered and moved nothing is no success", async () => {
  const given: Case = { there: "nothing", overwrite: "never", held: false, direct: false };
  await assert.rejects(
    restore(given, (target) => {
      target.move = () => Promise.resolve({ kind: "done" });
    }),
    { code: "storage_unreachable" },
  );
});

Deno.test("a damaged blob is never written", async () => {
  for (const damage of ["what was backed UP", "short", "what was backed up and more"]) {
    const given: Case = { there: "nothing", overwrite: "always", held: true, direct: true };
    const { result, target } = await restore(given, (_, store) => store.write(KEY, damage));
    assert.equal(result.failure?.code, "repository_damaged");
    assert.equal(target.objects.size, 0);
  }
  const given: Case = { there: "other", overwrite: "always", held: true, direct: true };
  const { result, there } = await restore(given, (_, store) => store.objects.clear());
  assert.equal(result.failure?.code, "repository_damaged");
  assert.equal(there, "others' bytes");
});

Deno.test("of what is known to be right one byte is asked for, and no more", async () => {
  for (const same_metadata of [true, false]) {
    const given: Case = { there: "same", overwrite: "if-changed", held: true, direct: true };
    const { result, target } = await restore({ ...given, right: true, same_metadata });
    assert.equal(result.restored_version !== undefined, !same_metadata);
    assert.deepEqual(result.counts, ["objects_already_right"]);
    assert.deepEqual([target.reads, target.writes], [["b/n 0-0"], []]);
  }
});

const LOST: [what: string, given: Partial<Case>, comesBack: boolean][] = [
  ["known to be right, and as the snapshot says", { right: true, same_metadata: true }, true],
  ["known to be right, without a word of a user's", { right: true, bare: true }, true],
  ["known to be right, with words that no snapshot holds", { right: true }, true],
  ["known to be right, with words that a snapshot holds", { right: true, held: true }, true],
  ["another, that a snapshot holds", { held: true }, true],
  ["another, that no snapshot holds", { bare: true }, false],
];
for (const [what, given, comesBack] of LOST) {
  Deno.test(`where bytes are lost the object comes back over its row: ${what}`, async () => {
    for (const overwrite of ["never", "if-changed"] as const) {
      for (const answer of given.right ? [MISSING, INTERNAL] : [MISSING]) {
        const { result, there } = await restore(
          { there: "same", overwrite, held: false, direct: false, ...given },
          (target) => target.lose("b", "n", answer),
        );
        assert.equal(there, comesBack ? BLOB : undefined);
        assert.equal(result.failure?.code, comesBack ? undefined : "bytes_missing");
        assert.equal(result.counts.includes("objects_verified"), comesBack);
      }
    }
  });
}

Deno.test("a row that somebody wrote while its bytes were looked for is left alone", async () => {
  const given: Case = { there: "same", overwrite: "never", held: true, direct: false, right: true };
  const { result, there } = await restore(given, (target) => {
    target.lose("b", "n", MISSING);
    target.afterRead = () => target.place("b", "n", "theirs");
  });
  assert.equal(there, "theirs");
  assert.equal(result.failure?.code, "target_differs");
});

Deno.test("an announced upload that comes while an object is looked at has the page asked for anew", async () => {
  for (const right of [true, false]) {
    const given: Case = { there: "same", overwrite: "never", held: true, direct: false, right };
    const comes = (target: Target) => {
      target.afterRead = () => target.place("b", "n", BLOB);
    };
    await assert.rejects(restore({ ...given, announced: true }, comes), {
      code: "storage_unreachable",
    });
    assert.equal((await restore(given, comes)).result.failure, undefined);
  }
});

Deno.test("an outage is no loss of bytes, and is waited for; an object without an answer is told", async () => {
  const given: Case = { there: "same", overwrite: "never", held: true, direct: false, right: true };
  const out = (target: Target) => target.lose("b", "n", { kind: "failed", message: "HTTP 502" });
  await assert.rejects(restore(given, out), { code: "storage_unreachable" });
  const { result, target } = await restore(given, out, 5);
  assert.equal(result.failure?.code, "storage_failed");
  assert.deepEqual(target.writes, []);
});

Deno.test("a try that is repeated does not go over what came in since", async () => {
  const given: Case = { there: "other", overwrite: "if-changed", held: true, direct: false };
  const { result, there } = await restore(given, (target) => {
    const upload = target.upload.bind(target);
    target.upload = async (bucket, name, body, options) => {
      // The first try has no answer and was not done; then somebody saves the object.
      await body();
      target.place("b", "n", "theirs");
      return await upload(bucket, name, body, options);
    };
  });
  assert.equal(there, "theirs");
  assert.equal(result.failure?.code, "target_differs");
});

Deno.test("an entry without bytes says why, and is no failure of the restore", async () => {
  const item = { ...ITEM, blob: null, key: null, size: null, sha256: null, code: "bytes_missing" };
  const target = new Target();
  const outside = outsideOf(target, new MemoryStore());
  const plan = { overwrite: "always", scratch: "s", direct: () => true } as const;
  const { failure, counts } = await restoreEntry(item, plan, outside);
  assert.deepEqual([failure?.class, failure?.code], ["unavailable", "bytes_missing"]);
  assert.deepEqual(counts, ["objects_unavailable"]);
  assert.deepEqual(target.writes, []);
});
