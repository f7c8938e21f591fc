import assert from "node:assert/strict";
import {
  exceptionFor,
  EXCEPTIONS,
  faultsOf,
  RANDOM_FAULTS,
} from "../../simulation/fault_catalogue/pairs.ts";
import { type Kind, kindOf, KINDS } from "../../simulation/proxy/request_kinds.ts";
import type { Step } from "../../simulation/proxy/step.ts";
import { PairCounts } from "../../simulation/run/pair_counts.ts";
import { RandomFaults } from "../../simulation/run/random_faults.ts";

const step = (number: number, kind: Kind): Step => ({
  number,
  worker: 1,
  party: kind.split(" ")[0] as Step["party"],
  action: "",
  kind,
});

const strikesOf = (seed: number, kind: Kind, frequentOn: readonly Kind[], requests = 200) => {
  const randomFaults = new RandomFaults(seed, frequentOn);
  return Array.from({ length: requests }, (_, index) => randomFaults.next(step(index, kind)));
};

Deno.test("random faults follow from the seed and are those that a kind of request can meet", () => {
  for (const kind of KINDS) {
    const strikes = strikesOf(5, kind, [kind]);
    assert.deepEqual(strikes, strikesOf(5, kind, [kind]));
    const known: readonly (string | undefined)[] = faultsOf(kind);
    assert.ok(strikes.every((fault) => fault === undefined || known.includes(fault)), kind);
  }
});

Deno.test("a kind in focus meets most of its faults in one run, any other few", () => {
  const frequentOn = new Set(strikesOf(1, "s3 put part", ["s3 put part"]));
  const inBackground = new Set(strikesOf(1, "s3 put part", []));
  assert.ok(frequentOn.size > 10, `${frequentOn.size}`);
  assert.ok(inBackground.size <= 4, `${inBackground.size}`);
});

Deno.test("a stopped schedule injects nothing and has no more faults", () => {
  const randomFaults = new RandomFaults(1, ["sql"]);
  assert.ok(randomFaults.hasMore);
  randomFaults.stop();
  assert.ok(!randomFaults.hasMore);
  for (let n = 0; n < 100; n++) assert.equal(randomFaults.next(step(n, "sql")), undefined);
});

Deno.test("each pair can occur or has a reason why not", () => {
  for (const kind of KINDS) assert.ok(faultsOf(kind).length > 3, kind);
  for (const fault of RANDOM_FAULTS) {
    assert.ok(KINDS.some((kind) => exceptionFor(fault, kind) === undefined), fault);
  }
  for (const { why, faults, kinds } of EXCEPTIONS) {
    assert.ok(why !== "" && faults.length > 0 && kinds.length > 0);
  }
});

Deno.test("a pair that met too rarely is reported, one that cannot occur is not", () => {
  const counts = new PairCounts();
  for (let n = 0; n < 20; n++) counts.add([{ step: step(n, "sql"), faultName: "disk_full" }]);
  const shortfalls = counts.shortfalls(20);
  assert.ok(!shortfalls.some((line) => line.startsWith("disk_full")), shortfalls.join("\n"));
  assert.ok(shortfalls.includes("reset met s3 PUT 0 times"));
  counts.add([{ step: step(1, "s3 PUT"), faultName: "reset" }]);
  assert.ok(counts.shortfalls(20).includes("reset met s3 PUT 1 times"));
  assert.ok(!counts.shortfalls(1).includes("reset met s3 PUT 1 times"));
});

Deno.test("the kind of a request follows from method, path and query", () => {
  const cases: [Step["party"], string, Kind][] = [
    ["sql", "lease_cursor", "sql"],
    ["storage", "GET /storage/v1/object/authenticated/a/b", "storage GET"],
    ["storage", "POST /storage/v1/object/a/b", "storage POST object"],
    ["storage", "POST /storage/v1/object/move", "storage POST move"],
    ["storage", "POST /storage/v1/bucket/x/empty", "storage POST bucket"],
    ["storage", "DELETE /storage/v1/bucket/x", "storage DELETE bucket"],
    ["s3", "GET /b/k", "s3 GET"],
    ["s3", "GET /b?list-type=2&prefix=x", "s3 LIST"],
    ["s3", "GET /b?prefix=x&uploads=", "s3 LIST"],
    ["s3", "PUT /b/k", "s3 PUT"],
    ["s3", "PUT /b/k?partNumber=1&uploadId=u", "s3 put part"],
    ["s3", "POST /b/k?uploads=", "s3 create upload"],
    ["s3", "POST /b/k?uploadId=u", "s3 complete upload"],
    ["s3", "DELETE /b/k?uploadId=u", "s3 DELETE"],
    ["s3", "HEAD /b/k", "s3 HEAD"],
  ];
  for (const [party, action, kind] of cases) assert.equal(kindOf(party, action), kind);
  assert.equal(kindOf("storage", "GET /x", true), "storage GET back");
});
