import assert from "node:assert/strict";
import { NIGHTLY_VARIABLE } from "../run/groups.ts";
import { LIMITS } from "../../stack/edge/isolate_limits.ts";
import { endedByLimit, type IsolateRecord } from "../../stack/edge/isolates.ts";
import { eventually } from "../support/eventually.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { uploadMany } from "../support/many.ts";
import { createBucket } from "../support/objects.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { createRepository, type RepositoryBucket, TestProject } from "../support/project.ts";
import { RepositoryReader } from "../../stack/repository_reader.ts";
import { expireLeases, schedule, tick, tickToTheEnd } from "../support/tick.ts";

const MIB = 1024 * 1024;

/** Only Linux reports the CPU time of a thread. */
const ignore = Deno.build.os !== "linux";

/** Time limit for work that is quick on an idle machine and slow on a busy one. */
const TIMEOUT_SECONDS = 300;

/**
 * Roughly what one isolate copies within its CPU budget. If the runtime cannot measure CPU, the
 * copy takes two or three isolates.
 */
const MANY = 4_000;

type Platform = keyof typeof LIMITS;

/**
 * Waits for the end of a run. The tick is needed only on a busy machine: after a post that pg_net
 * abandoned, or after an isolate that was killed at its CPU limit. The leases expire first, because
 * an earlier tick finds them active.
 */
async function ended(project: TestProject, run: string): Promise<void> {
  let helped = 0;
  const hasEnded = async () => {
    const { state } = await project.run(run);
    if (state !== "running" && state !== "sealing") return true;
    const lost = await countLostPosts(project) + await countKilled(project);
    if (lost > helped) {
      helped = lost;
      await project.client.drainNet();
      await project.client.functionsIdle();
      await expireLeases(project);
      await tick(project);
    }
    return false;
  };
  await eventually(`the end of run ${run}`, hasEnded, TIMEOUT_SECONDS).catch(async (error) => {
    const isolates = await project.client.isolates();
    throw new Error(`${error.message}\n${JSON.stringify(isolates)}`);
  });
}

/** Posts without a response within pg_net's five seconds. */
async function countLostPosts(project: TestProject): Promise<number> {
  const [row] = await project.sql`
    select count(*)::int as posts from net._http_response where status_code is null`;
  return row!.posts;
}

/** Isolates that were killed at their CPU limit. */
async function countKilled(project: TestProject): Promise<number> {
  return (await project.client.isolates()).filter(({ end }) => end === "cpu").length;
}

/** Runs `act` and asserts that every isolate of the function ended normally. */
async function assertEndedNormally(
  project: TestProject,
  name: string,
  act: () => Promise<void>,
  isBad: (isolate: IsolateRecord) => boolean = endedByLimit,
): Promise<void> {
  const before = new Set((await project.client.isolates(name)).map(({ pid }) => pid));
  await act();
  const isolates = (await project.client.isolates(name)).filter(({ pid }) => !before.has(pid));
  assert.notEqual(isolates.length, 0);
  assert.deepEqual(isolates.filter(isBad), []);
}

/** CPU per byte depends on the machine and its load. Memory and time do not. */
function endedByOther(isolate: IsolateRecord): boolean {
  return endedByLimit(isolate) && isolate.end !== "cpu";
}

/**
 * Main-thread CPU of an isolate whose backup is empty, in milliseconds. It depends on the machine.
 */
async function cpuOfNothing(project: TestProject): Promise<number> {
  await project.backup();
  await project.client.call("functionsIdle", {});
  const [isolate] = await project.client.isolates("holdfast-backup");
  return isolate!.cpuMilliseconds;
}

/** The strictest limits, and the mode in which isolates are most; at night all limits and modes. */
const PLATFORMS: [Platform, "shared" | "per_post"][] = [["selfHosted", "per_post"]];
if (Deno.env.has(NIGHTLY_VARIABLE)) {
  PLATFORMS.push(["hosted", "shared"], ["hosted", "per_post"], ["selfHosted", "shared"]);
}

/** The same source with its own repository. */
async function backUpToNewRepository(
  project: TestProject,
  platform: Platform,
  mode: "shared" | "per_post",
): Promise<void> {
  const prefix = `${platform}-${mode}`;
  await project.client.setSecrets({ HOLDFAST_S3_PREFIX: prefix });
  await project.client.call("setFunctionsMode", { mode });
  await project.client.call("setFunctionsLimits", { limits: platform });
  await assertEndedNormally(project, "holdfast-backup", async () => {
    const run = await project.start("backup/runs");
    // Waiting for a refused post never ends.
    await ended(project, run);
    assert.equal((await project.succeeded(run)).counters.objects_copied, MANY);
  });
  const { document, entries } = await new RepositoryReader(project.bucket, prefix).snapshot();
  assert.equal(document.state, "complete");
  assert.equal(entries.size, MANY);
}

Deno.test({
  name: "a first backup stays within the limits of every platform",
  ignore,
  async fn() {
    await using project = await TestProject.create();
    await schedule(project);
    await createBucket(project, "files");
    await uploadMany(project, "files", MANY, 1_000);
    for (const [platform, mode] of PLATFORMS) await backUpToNewRepository(project, platform, mode);
  },
});

Deno.test({
  name: "large objects fit into the memory of a self-hosted isolate, out and back",
  ignore,
  async fn() {
    const limits = "selfHosted";
    await using source = await TestProject.create({ limits });
    await schedule(source);
    await createBucket(source, "complete");
    await uploadMany(source, "complete", 16, 8 * MIB);
    await createBucket(source, "parts");
    await uploadMany(source, "parts", 3, 20 * MIB);
    await createBucket(source, "middling");
    await uploadMany(source, "middling", 60, MIB);
    await assertEndedNormally(source, "holdfast-backup", async () => {
      const run = await source.start("backup/runs");
      await ended(source, run);
      await source.succeeded(run);
    }, endedByOther);
    await assertHolds(source, await source.reader.snapshot());

    await using target = await TestProject.create({ limits, repository: source.repository });
    await schedule(target);
    await assertEndedNormally(target, "holdfast-restore", async () => {
      const run = await target.start("restore/runs", { dry_run: false });
      await ended(target, run);
      await target.succeeded(run);
    }, endedByOther);
    const [objects, restored] = [await readObjects(source), await readObjects(target)];
    assert.deepEqual([...restored.values()].map(restorable), [...objects.values()].map(restorable));
  },
});

Deno.test({
  name: "where every isolate is killed without a word, nothing but time is lost",
  ignore,
  async fn() {
    const repository: RepositoryBucket = await createRepository();
    await using project = await TestProject.create({ limits: "none", repository });
    await schedule(project);
    await createBucket(project, "files");
    // Enough to load and to do some work, and far less than the slice's own budget.
    const cpuMilliseconds = 2 * await cpuOfNothing(project);
    await project.client.call("setFunctionsLimits", {
      limits: { ...LIMITS.hosted, cpuMilliseconds, unannounced: true },
    });
    const count = 1_500;
    await uploadMany(project, "files", count, 1_000);
    const run = await project.start("backup/runs");
    await tickToTheEnd(project, run);
    const { counters } = await project.succeeded(run);
    const isolates = await project.client.isolates("holdfast-backup");
    assert.ok(isolates.filter(endedByLimit).length >= 2, JSON.stringify(isolates));

    assert.equal(counters.objects_copied, count);
    assert.equal(counters.objects_failed ?? 0, 0);
    const { document, entries } = await project.reader.snapshot();
    assert.equal(document.state, "complete");
    assert.equal(entries.size, count);
    assert.equal((await project.reader.keys("data/")).length, count, "each version has one key");
  },
});
