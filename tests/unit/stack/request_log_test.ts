import assert from "node:assert/strict";
import { RequestLog } from "../../../stack/request_log.ts";

Deno.test("the log keeps the newest records and counts all requests", () => {
  const log = new RequestLog();
  const total = 20_005;
  for (let number = 0; number < total; number++) {
    log.begin({ method: "GET", route: `route ${number % 2}`, path: `/${number}` }).finish();
  }
  const paths = log.records().map(({ path }) => path);
  assert.equal(paths.length, 20_000);
  assert.deepEqual([paths[0], paths.at(-1)], ["/5", `/${total - 1}`]);
  assert.deepEqual(log.counts(), { "route 0": 10_003, "route 1": 10_002 });
});

Deno.test("running requests are counted once each, even across a reset", () => {
  const log = new RequestLog();
  const request = { method: "GET", route: "route", path: "/" };
  const first = log.begin(request);
  const second = log.begin(request);
  assert.deepEqual([first.record.inFlight, second.record.inFlight], [1, 2]);
  log.reset();
  assert.deepEqual([log.inFlight, log.mostInFlight, log.records().length], [2, 2, 0]);
  first.finish();
  first.finish();
  assert.equal(log.inFlight, 1);
  second.finish();
  assert.deepEqual([log.inFlight, log.mostInFlight], [0, 2]);
});
