import assert from "node:assert/strict";
import { uploadMany } from "../support/many.ts";
import { createBucket } from "../support/objects.ts";
import { stack, TestProject } from "../support/project.ts";

const MIB = 1024 * 1024;
const READ = "GET object/authenticated";
const ALL = 1_000_000;

/** Start and end of a request, in milliseconds since 1970. */
interface Span {
  at: number;
  endedAt: number;
}

/**
 * Backs up `count` objects of a size and returns the requests. Both servers delay each answer, so
 * the figures do not depend on this machine's speed.
 */
async function backUp(
  count: number,
  size: number,
  delayMilliseconds: number,
): Promise<{ reads: Span[]; writes: Span[] }> {
  await using project = await TestProject.create();
  const { bucket } = project.repository;
  await createBucket(project, "files");
  await uploadMany(project, "files", count, size);
  await project.addStorageFault({ route: READ, count: ALL, fault: { delayMilliseconds } });
  await stack.call("addS3Fault", {
    rule: {
      bucket,
      route: "PutObject",
      keyContains: "/data/",
      count: ALL,
      fault: { kind: "delay", delayMilliseconds },
    },
  });
  await project.client.call("resetStorageRequests", {});
  const { counters } = await project.backup();
  assert.equal(counters.objects_copied, count);
  const { records } = await project.client.storageRequests();
  const s3 = (await stack.s3Requests(bucket)).records;
  const writes = s3.filter(({ route, path }) => route === "PutObject" && path.includes("/data/"));
  return { reads: records.filter(({ route }) => route === READ), writes };
}

/** Average number of concurrent requests while any is in flight, and the maximum. */
function measureConcurrency(spans: readonly Span[]): { average: number; most: number } {
  const edges = spans.flatMap(({ at, endedAt }) => [[at, 1], [endedAt, -1]] as const)
    // At the same millisecond, ends sort before starts.
    .toSorted(([a, aStep], [b, bStep]) => a - b || aStep - bStep);
  let [now, most, busy, total, last] = [0, 0, 0, 0, 0];
  for (const [time, step] of edges) {
    if (now > 0) busy += time - last;
    total += now * (time - last);
    now += step;
    last = time;
    most = Math.max(most, now);
  }
  return { average: total / busy, most };
}

Deno.test("a page of 10 KB objects has at least 24 concurrent requests on average", async () => {
  // One page. All of its requests start within the five seconds that a page may take.
  const { reads, writes } = await backUp(64, 10_000, 600);
  const { average, most } = measureConcurrency([...reads, ...writes]);
  assert.ok(average >= 24, `${average} on average`);
  assert.ok(most <= 2 * 32, `${most} at most`);
});

Deno.test("8 MiB objects never exceed 64 MiB in flight", async () => {
  const { reads, writes } = await backUp(12, 8 * MIB, 300);
  const { most } = measureConcurrency([...reads, ...writes]);
  assert.ok(most * 8 <= 64, `${most} at once`);
  assert.ok(most > 1, "more than one at once");
});
