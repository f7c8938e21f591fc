import assert from "node:assert/strict";
import { createBudget } from "../../../../../supabase/functions/_holdfast/engine/budget.ts";
import { committer } from "../../../../../supabase/functions/_holdfast/engine/fenced_calls.ts";
import type { Lease } from "../../../../../supabase/functions/_holdfast/engine/types.ts";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import type { Database, Fence } from "../../../../../supabase/functions/_holdfast/lib/database.ts";
import { TestClock } from "../../test_clock.ts";

Deno.test("calls run one after the other, each with the fence that the previous one returned", async () => {
  const fences: (string | null | undefined)[] = [];
  let [under, commits] = [0, 0];
  const database: Database = {
    call: async <Result>(name: string, _: Record<string, unknown>, fence?: Fence) => {
      fences.push(fence?.committedAt);
      assert.equal(++under, 1, "two calls at once");
      await new Promise((resolve) => setTimeout(resolve));
      under -= 1;
      if (name === "lost") throw new HoldfastError("database_unreachable", "missing");
      fence!.committedAt = `commit ${++commits}`;
      return null as Result;
    },
    close: () => Promise.resolve(),
  };
  const commit = committer(database, "the worker", createBudget({ clock: new TestClock() }));
  const lease = { cursor: 7 } as Lease;
  await Promise.all([commit("first", lease), commit("second", lease)]);
  // The call fails with an unknown result, so the fence stays the same.
  await assert.rejects(commit("lost", lease), { code: "database_unreachable" });
  await commit("third", lease);
  await commit("of another lease", { cursor: 8 } as Lease);
  assert.deepEqual(fences, [null, "commit 1", "commit 2", "commit 2", null]);
});
