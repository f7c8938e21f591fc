import assert from "node:assert/strict";
import { BLOB, type Case, INTERNAL, MISSING, restore, type Target } from "./restored_entry.ts";

Deno.test("the check of an unchanged object reads one byte", async () => {
  for (const same_metadata of [true, false]) {
    const given: Case = { there: "same", overwrite: "if_changed", held: true, direct: true };
    const { result, target } = await restore({ ...given, right: true, same_metadata });
    assert.equal(result.restored_version !== undefined, !same_metadata);
    assert.deepEqual(result.counts, ["objects_already_right"]);
    assert.deepEqual([target.reads, target.writes], [["b/n 0-0"], []]);
  }
});

const LOST: [what: string, given: Partial<Case>, comesBack: boolean][] = [
  ["known to be right, and as the snapshot says", { right: true, same_metadata: true }, true],
  ["known to be right, without a word of a user's", { right: true, adds_no_metadata: true }, true],
  ["known to be right, with words that no snapshot holds", { right: true }, true],
  ["known to be right, with words that a snapshot holds", { right: true, held: true }, true],
  ["another, that a snapshot holds", { held: true }, true],
  ["another, that no snapshot holds", { of_this_run: true }, false],
];
for (const [what, given, comesBack] of LOST) {
  Deno.test(`an object with lost bytes is restored over its row: ${what}`, async () => {
    for (const overwrite of ["never", "if_changed"] as const) {
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

Deno.test("bytes that cannot be read are lost only if Storage is healthy", async () => {
  for (const well of [true, false]) {
    const given: Case = { there: "other", overwrite: "never", held: true, direct: false };
    const { result, target } = await restore(given, (target) => {
      target.lose("b", "n", INTERNAL);
      target.well = well;
    }, 5);
    assert.equal(result.failure?.code, well ? undefined : "storage_failed");
    assert.deepEqual(target.writes, well ? ["overwrite b/n"] : []);
  }
});

Deno.test("a row that changed during the check of its bytes is not written", async () => {
  const given: Case = { there: "same", overwrite: "never", held: true, direct: false, right: true };
  const { result, there } = await restore(given, (target) => {
    target.lose("b", "n", MISSING);
    target.afterRead = () => target.location("b", "n", "theirs");
  });
  assert.equal(there, "theirs");
  assert.equal(result.failure?.code, "target_differs");
});

Deno.test("an upload with recorded intent that arrives during the check makes the page be read again", async () => {
  for (const right of [true, false]) {
    const given: Case = { there: "same", overwrite: "never", held: true, direct: false, right };
    const comes = (target: Target) => {
      target.afterRead = () => target.location("b", "n", BLOB);
    };
    await assert.rejects(restore({ ...given, intent_recorded: true }, comes), {
      code: "storage_unreachable",
    });
    assert.equal((await restore(given, comes)).result.failure, undefined);
  }
});

Deno.test("an outage is waited for and is not a loss of bytes; an object without a response is reported", async () => {
  const given: Case = { there: "same", overwrite: "never", held: true, direct: false, right: true };
  const out = (target: Target) => target.lose("b", "n", { kind: "failed", message: "HTTP 502" });
  await assert.rejects(restore(given, out), { code: "storage_unreachable" });
  const { result, target } = await restore(given, out, 5);
  assert.equal(result.failure?.code, "storage_failed");
  assert.deepEqual(target.writes, []);
});

Deno.test("a repeated attempt does not overwrite a newer object", async () => {
  const given: Case = { there: "other", overwrite: "if_changed", held: true, direct: false };
  const { result, there } = await restore(given, (target) => {
    const upload = target.upload.bind(target);
    target.upload = async (bucket, name, body, options) => {
      // The first attempt fails without a response; then a user overwrites the object.
      await body();
      target.location("b", "n", "theirs");
      return await upload(bucket, name, body, options);
    };
  });
  assert.equal(there, "theirs");
  assert.equal(result.failure?.code, "target_differs");
});

Deno.test("after a failed slice a new object is moved into place: the earlier upload may still arrive", async () => {
  const given: Case = { there: "nothing", overwrite: "never", held: false, direct: true };
  for (const [reassigned, write] of [[false, "create b/n"], [true, "move to b/n"]] as const) {
    const { result, target } = await restore({ ...given, reassigned });
    assert.equal(result.failure, undefined);
    assert.equal(target.writes.at(-1), write);
  }
});
