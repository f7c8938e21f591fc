import assert from "node:assert/strict";
import { PairCounts } from "../../simulation/run/pair_counts.ts";
import { sharesOf } from "../../simulation/run/run_jobs.ts";

Deno.test("jobs share the seeds without gaps, and each seed runs once", () => {
  for (const [seeds, jobs] of [[300, 2], [7, 3], [2, 4], [1, 1]] as const) {
    const reported = sharesOf({ seed: 50, seeds, jobs }).flatMap(({ seed, seeds }) =>
      Array.from({ length: seeds }, (_, index) => seed + index)
    );
    assert.deepEqual(reported, Array.from({ length: seeds }, (_, index) => 50 + index));
  }
});

Deno.test("the counts of several jobs are added", () => {
  const step = { number: 1, worker: 1, party: "s3", kind: "s3 PUT", action: "PUT /" } as const;
  const [one, other] = [new PairCounts(), new PairCounts()];
  one.add([{ step, faultName: "reset" }, { step, faultName: "html_page" }]);
  other.add([{ step, faultName: "reset" }]);
  const all = new PairCounts();
  for (const counts of [one, other]) all.addAll(JSON.parse(JSON.stringify(counts)));
  assert.deepEqual([all.of("reset", "s3 PUT"), all.of("html_page", "s3 PUT")], [2, 1]);
});
