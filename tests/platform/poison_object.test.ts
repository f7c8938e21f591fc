import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { eventually } from "../support/eventually.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { bytesOf, createBucket, upload } from "../support/objects.ts";
import { readObjects } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { expireLeases, schedule, tick } from "../support/tick.ts";

const OBJECTS = 40;
const POISON_OBJECT = "object-21";
/** Its name in the restore's scratch bucket, which restores use after a slice has crashed. */
const IN_SCRATCH = createHash("sha256").update(`files\0${POISON_OBJECT}`).digest("hex");
/** Longer than it takes to detect the request and to kill the isolate that sent it. */
const DELAY_MILLISECONDS = 5_000;

async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await schedule(project);
  await createBucket(project, "files");
  for (let n = 0; n < OBJECTS; n++) {
    await upload(project, "files", `object-${String(n).padStart(2, "0")}`, `content ${n}`);
  }
  return project;
}

/**
 * Kills each isolate of a function that sends a matching request to Storage, until the run ends.
 */
async function killSenders(
  project: TestProject,
  run: string,
  { functionName, method, locations }: {
    functionName: string;
    method: string;
    locations: string[];
  },
): Promise<number> {
  for (const location of locations) {
    await project.addStorageFault({
      route: method === "GET" ? "GET object/authenticated" : undefined,
      pathContains: location,
      count: 1_000,
      fault: { delayMilliseconds: DELAY_MILLISECONDS },
    });
  }
  let kills = 0;
  while (await untilRequestOrEnd(project, run, method, locations)) {
    assert.ok(await project.client.killFunction(functionName) > 0);
    assert.ok(++kills <= 5, "the object was tried too often");
    await project.client.call("resetStorageRequests", {});
    await expireLeases(project);
    await tick(project);
  }
  await project.client.call("clearStorageFaults", {});
  return kills;
}

async function untilRequestOrEnd(
  project: TestProject,
  run: string,
  method: string,
  locations: string[],
): Promise<boolean> {
  let asked = false;
  await eventually(`a request for ${locations}, or the end`, async () => {
    const { records } = await project.client.storageRequests();
    asked = records.some((record) =>
      record.method === method && locations.some((location) => record.path.includes(location)) &&
      record.status === 0
    );
    return asked || !["running", "sealing"].includes((await project.run(run)).state);
  });
  return asked;
}

Deno.test("an object that kills every isolate is skipped and recorded after three crashes", async () => {
  await using project = await createProject();
  const run = await project.start("backup/runs");
  const workers = {
    functionName: "holdfast-backup",
    method: "GET",
    locations: [POISON_OBJECT, IN_SCRATCH],
  };
  assert.equal(
    await killSenders(project, run, workers),
    5,
    "two crashes in a page, one more in isolation mode",
  );

  const { counters, result } = await project.succeeded(run);
  assert.equal(counters.objects_failed, 1);
  const [failure] = await project
    .sql`select name, class, code, attempts from holdfast_private.failures`;
  assert.deepEqual({ ...failure }, {
    name: POISON_OBJECT,
    class: "failed",
    code: "poison_object",
    attempts: 1,
  });
  const snapshot = await project.reader.snapshot(result.snapshot);
  assert.equal(snapshot.document.state, "partial");
  assert.equal(snapshot.entries.size, OBJECTS);
  const held = [...snapshot.entries.values()].filter((entry) => entry.key);
  assert.equal(held.length, OBJECTS - 1);
  const keys = await project.reader.keys("data/");
  assert.equal(keys.length, OBJECTS - 1, "each version has one key");

  // This time another object caused the crash.
  await assertHolds(project, await project.backupSnapshot());
});

Deno.test("the first object of a page is skipped after three crashes", async () => {
  await using project = await createProject();
  const run = await project.start("backup/runs");
  const workers = { functionName: "holdfast-backup", method: "GET", locations: ["object-00"] };
  assert.equal(await killSenders(project, run, workers), 3);
  assert.equal((await project.succeeded(run)).counters.objects_failed, 1);
});

Deno.test("a large object that kills every isolate is skipped and recorded", async () => {
  await using project = await TestProject.create();
  await schedule(project);
  await createBucket(project, "files");
  await upload(project, "files", "large", bytesOf(9 * 1024 * 1024));
  await upload(project, "files", "small", "small");
  const run = await project.start("backup/runs");
  const workers = { functionName: "holdfast-backup", method: "GET", locations: ["files/large"] };
  assert.equal(await killSenders(project, run, workers), 3);
  assert.equal((await project.succeeded(run)).counters.objects_failed, 1);
  assert.deepEqual(await project.reader.keys("data/"), [
    (await project.reader.snapshot()).entries.get("files/small")!.key,
  ]);
  await assertHolds(project, await project.backupSnapshot());
});

Deno.test("an entry that kills every isolate is skipped by the restore and recorded", async () => {
  await using source = await createProject();
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await schedule(target);
  const run = await target.start("restore/runs", { dry_run: false });
  const workers = {
    functionName: "holdfast-restore",
    method: "POST",
    locations: [POISON_OBJECT, IN_SCRATCH],
  };
  assert.equal(await killSenders(target, run, workers), 5);
  const { counters } = await target.succeeded(run);
  assert.equal(counters.objects_failed, 1);
  const restored = await readObjects(target);
  assert.equal(restored.size, OBJECTS - 1);
  assert.equal(restored.has(`files/${POISON_OBJECT}`), false);
});
