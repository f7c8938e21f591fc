import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { letRead } from "../support/hold.ts";
import { bytesOf, createBucket, upload } from "../support/objects.ts";
import { stack, TestProject } from "../support/project.ts";
import { expireLeases, schedule, tick, tickToTheEnd } from "../support/tick.ts";

const PART_BYTES = 8 * 1024 * 1024;
const PARTS = 16;
const KILLS = 10;
/** Duration of a read or upload of a part, so that a kill can happen during it. */
const REQUEST_MILLISECONDS = 200;

/** Numbers from 0 to 1, reproducible by seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Moments of an upload: the number of finished parts and a fraction of the next part's time. */
function killMoments(random: () => number): { parts: number; share: number }[] {
  // After the last moment, enough work remains for another kill.
  const parts = Array.from({ length: PARTS - 4 }, (_, index) => index);
  while (parts.length > KILLS) parts.splice(Math.floor(random() * parts.length), 1);
  return parts.map((part) => ({ parts: part, share: random() }));
}

async function finishedParts(project: TestProject): Promise<number> {
  const [row] = await project.sql`select count(*)::int as parts from holdfast_private.upload_parts`;
  return row!.parts;
}

/** Whether a worker may be killed now. Three crashes in a row make the object a poison object. */
async function mayBeKilled(project: TestProject): Promise<boolean> {
  const [row] = await project.sql`
    select exists (select from holdfast_private.cursors
      where stage = 'upload' and finished_at is null and crashes < 2
        and lease_owner is not null and lease_expires_at > clock_timestamp()
    ) as may`;
  return row!.may;
}

Deno.test("an upload whose worker is killed at ten random moments completes and repeats few parts", async () => {
  const seed = Number(Deno.env.get("HOLDFAST_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`HOLDFAST_TEST_SEED=${seed}`);
  const random = randomNumbers(seed);

  await using project = await TestProject.create();
  const { bucket } = project.repository;
  await schedule(project);
  await createBucket(project, "files");
  await upload(project, "files", "large", bytesOf(PARTS * PART_BYTES));
  await project.addStorageFault({
    pathContains: "files/large",
    count: 1_000,
    fault: { delayMilliseconds: REQUEST_MILLISECONDS },
  });
  await stack.call("addS3Fault", {
    rule: {
      bucket,
      route: "UploadPart",
      count: 1_000,
      fault: { kind: "delay", delayMilliseconds: REQUEST_MILLISECONDS },
    },
  });

  const run = await project.start("backup/runs");
  for (const { parts, share } of killMoments(random)) {
    await eventually(`${parts} parts, and a worker at work`, async () => {
      return await finishedParts(project) >= parts && await mayBeKilled(project);
    });
    await new Promise((resolve) => setTimeout(resolve, share * 2 * REQUEST_MILLISECONDS));
    assert.ok(await project.client.killFunction("holdfast-backup") > 0, `seed ${seed}`);
    await expireLeases(project);
    await tick(project);
  }
  await letRead(project);
  await stack.call("clearS3Faults", { bucket });
  await tickToTheEnd(project, run);

  const { counters } = await project.succeeded(run);
  assert.deepEqual([counters.objects_copied, counters.objects_failed ?? 0], [1, 0]);
  await assertHolds(project, await project.reader.snapshot());
  const { counts } = await stack.s3Requests(bucket);
  const again = counts.UploadPart! - PARTS;
  assert.ok(again <= KILLS, `${again} parts were sent again, seed ${seed}`);
});
