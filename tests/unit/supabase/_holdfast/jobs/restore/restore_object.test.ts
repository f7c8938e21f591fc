import assert from "node:assert/strict";
import fc from "fast-check";
import { restoreEntry } from "../../../../../../supabase/functions/_holdfast/jobs/restore/restore_object.ts";
import { MemoryStore } from "../../../memory_store.ts";
import {
  BLOB,
  type Case,
  flipped,
  ITEM,
  KEY,
  outsideOf,
  restore,
  Target,
} from "./restored_entry.ts";

const cases: fc.Arbitrary<Case> = fc.record({
  there: fc.constantFrom("nothing", "same", "other"),
  overwrite: fc.constantFrom("never", "if_changed", "always"),
  held: fc.boolean(),
  of_this_run: fc.boolean(),
  adds_no_metadata: fc.boolean(),
  direct: fc.boolean(),
});

Deno.test("an object is overwritten only if `overwrite` allows it and a snapshot holds it", async () => {
  await fc.assert(fc.asyncProperty(cases, async (given) => {
    const { result, target, there } = await restore(given);
    const may = given.overwrite !== "never" && given.held && given.there === "other";
    assert.equal(target.writes.includes("overwrite b/n"), may);
    assert.equal(there, given.there === "other" && !may ? "others' bytes" : BLOB);
    // The row differs, too; if no snapshot holds the object, its metadata would be lost.
    const row = given.there === "same" && given.overwrite !== "never" && !given.held &&
      !given.of_this_run && !given.adds_no_metadata;
    const differs = row || (given.there === "other" && !may);
    assert.equal(result.failure?.code, differs ? "target_differs" : undefined);
    if (given.there === "same") assert.deepEqual(target.writes, []);
  }));
});

Deno.test("the row of an unchanged object is patched only if it may be overwritten", async () => {
  for (const same_metadata of [true, false]) {
    for (const overwrite of ["never", "if_changed"] as const) {
      const given: Case = { there: "same", overwrite, held: true, direct: true, same_metadata };
      const { result } = await restore(given);
      assert.deepEqual(result.counts.slice(0, 2), ["objects_already_right", "objects_verified"]);
      assert.equal(result.restored_version !== undefined, overwrite === "if_changed");
    }
  }
});

Deno.test("without overwriting, a row is patched only for a new upload whose row is not known yet", async () => {
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
    const { result, there } = await restore(given, (target) => target.location("b", "n", "new"));
    assert.equal(there, "new");
    assert.equal(result.failure?.code, "target_differs");
  }
});

Deno.test("an object that a user uploads with the same bytes keeps its row's metadata", async () => {
  for (const direct of [true, false]) {
    for (const overwrite of ["never", "always"] as const) {
      const given: Case = { there: "nothing", overwrite, held: false, direct };
      const { result, target } = await restore(
        given,
        (it) => it.location("b", "n", BLOB, "a user"),
      );
      assert.equal(target.objects.get("b/n")?.owner, "a user");
      assert.equal(result.restored_version, undefined, "its row is not patched");
      assert.ok(result.counts.includes("objects_metadata_kept"));
      assert.equal(result.failure?.code, overwrite === "never" ? undefined : "target_differs");
    }
  }
});

Deno.test("metadata that a trigger of the project writes into each new row is not a user's change", async () => {
  for (const direct of [true, false]) {
    const given: Case = { there: "nothing", overwrite: "never", held: false, direct };
    const { result } = await restore(given, (target) => {
      const location = target.location.bind(target);
      target.location = (bucket, name, bytes) => location(bucket, name, bytes, "filled in");
    });
    assert.ok(result.restored_version, "its row is patched");
    assert.deepEqual(result.counts, ["objects_restored", "objects_verified"]);
  }
});

Deno.test("bytes that are copied directly are read back before the object is moved to its name", async () => {
  const item = { ...ITEM, size: 9 * 1024 * 1024 };
  const target = new Target();
  target.upload = (bucket, name) => {
    target.writes.push(`upload to ${bucket}`);
    target.location(bucket, name, "corrupted");
    return Promise.resolve({ kind: "done" });
  };
  const outside = outsideOf(target, new MemoryStore());
  const plan = { overwrite: "never", scratch: "scratch", direct: () => true } as const;
  const result = await restoreEntry({ ...item, target: null }, plan, outside);
  assert.equal(result.failure?.code, "restored_bytes_differ");
  assert.equal(target.objects.has("b/n"), false);
  assert.ok(target.writes.every((write) => write === "upload to scratch"));
});

Deno.test("an upload that reads back differently fails and is not moved to the object's name", async () => {
  for (const direct of [true, false]) {
    const given: Case = { there: "nothing", overwrite: "never", held: false, direct };
    const { result, there } = await restore(given, (target) => {
      target.corrupt = flipped;
    });
    assert.equal(result.failure?.code, "restored_bytes_differ");
    assert.ok(!result.counts.includes("objects_verified"));
    if (!direct) assert.equal(there, undefined);
  }
});

Deno.test("an upload that was corrupted on the way to the scratch bucket is repeated", async () => {
  const given: Case = { there: "nothing", overwrite: "never", held: false, direct: false };
  let puts = 0;
  const { result, there } = await restore(given, (target) => {
    target.corrupt = (bytes) => puts++ === 0 ? flipped(bytes) : bytes;
  });
  assert.equal(result.failure, undefined);
  assert.ok(result.counts.includes("objects_verified"));
  assert.equal(there, BLOB);
  assert.equal(puts, 2);
});

Deno.test("an overwrite that was corrupted in transit is reported: a user may have replaced it since", async () => {
  const given: Case = { there: "other", overwrite: "if_changed", held: true, direct: false };
  const { result, target } = await restore(given, (target) => {
    target.corrupt = flipped;
  });
  assert.equal(result.failure?.code, "restored_bytes_differ");
  assert.deepEqual(target.writes, ["overwrite b/n"]);
});

Deno.test("an object that a user uploads over a restored one stays", async () => {
  for (const there of ["nothing", "other"] as const) {
    for (const bytes of ["theirs", "of their own size!".slice(0, BLOB.length)]) {
      const given: Case = { there, overwrite: "if_changed", held: true, direct: true };
      let reads = 0;
      const { result, there: left } = await restore(given, (target) => {
        const read = target.read.bind(target);
        // A user writes during the read back; an existing object is read once before that.
        target.read = (bucket, name) => {
          if (++reads === (there === "nothing" ? 1 : 2)) target.location(bucket, name, bytes);
          return read(bucket, name);
        };
      });
      assert.equal(left, bytes);
      assert.equal(result.failure?.code, "restored_bytes_differ");
    }
  }
});

Deno.test("an upload whose response was lost counts as restored, another user's object does not", async () => {
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

Deno.test("a move that reports success and moves nothing is a failure", async () => {
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

Deno.test("an entry without bytes states the reason and does not fail the restore", async () => {
  const item = { ...ITEM, blob: null, key: null, size: null, sha256: null, code: "bytes_missing" };
  const target = new Target();
  const outside = outsideOf(target, new MemoryStore());
  const plan = { overwrite: "always", scratch: "s", direct: () => true } as const;
  const { failure, counts } = await restoreEntry(item, plan, outside);
  assert.deepEqual([failure?.class, failure?.code], ["unavailable", "bytes_missing"]);
  assert.deepEqual(counts, ["objects_unavailable"]);
  assert.deepEqual(target.writes, []);
});
