import assert from "node:assert/strict";
import { edgeOptions } from "../../../../../supabase/functions/_holdfast/app/edge_options.ts";

Deno.test("beforeunload closes the budget of this isolate", () => {
  const { budget } = edgeOptions();
  assert.equal(budget.admit(), true);
  dispatchEvent(new CustomEvent("beforeunload", { detail: { reason: "cpu" } }));
  assert.equal(budget.admit(), false);
  assert.equal(budget.exhausted(), true);
});
