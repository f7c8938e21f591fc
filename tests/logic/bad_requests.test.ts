import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { type Answer, ONE_PROCESS, TestProject } from "../support/project.ts";

/** The problem details of a refused request, without its `errors`. */
function assertInvalid(answer: Answer, faults: [path: string, message: RegExp][]): void {
  const { status, body } = answer;
  assert.equal(status, 400, JSON.stringify(body));
  assert.equal(body.code, "request_invalid");
  assert.equal(body.title, "The request is not valid");
  assert.match(body.remedy, /Correct every field that is named/);
  const errors = body.errors as { path: string; message: string }[];
  assert.deepEqual(errors.map(({ path }) => path).sort(), faults.map(([path]) => path).sort());
  for (const [path, message] of faults) {
    assert.match(errors.find((error) => error.path === path)!.message, message);
    assert.ok(body.detail.includes(path), "the detail also names each one");
  }
}

async function assertNothingStarted(project: TestProject): Promise<void> {
  const [row] = await project.sql`select count(*)::int as runs from holdfast_private.runs`;
  assert.equal(row!.runs, 0);
}

Deno.test("a body that is not a JSON object is refused", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const operate = { key: await project.key("operate") };
  const restore = { key: await project.key("restore") };
  for (const body of ["{", "nothing", "{'a': 1}", "\u0000"]) {
    for (
      const answer of [
        await project.call("POST", "holdfast-backup/runs", { ...operate, body }),
        await project.call("POST", "holdfast-backup/imports", { ...operate, body }),
        await project.call("POST", "holdfast-restore/runs", { ...restore, body }),
      ]
    ) assertInvalid(answer, [["body", /is not JSON/]]);
  }
  for (const body of ["[]", "null", "1", '"latest"']) {
    const answer = await project.call("POST", "holdfast-restore/runs", { ...restore, body });
    assertInvalid(answer, [["body", /object/]]);
  }
  await assertNothingStarted(project);
});

Deno.test("every invalid field is named", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const key = await project.key("restore");
  const answer = await project.call("POST", "holdfast-restore/runs", {
    key,
    body: { snapshot: 7, dry_run: "no", overwrite: "sometimes", dryrun: false, other: 1 },
  });
  assertInvalid(answer, [
    ["snapshot", /must be latest, a snapshot's id, or a time/],
    ["dry_run", /must be true or false/],
    ["overwrite", /must be never, if_changed or always/],
    ["dryrun", /is not a field/],
    ["other", /is not a field/],
  ]);
  await assertNothingStarted(project);
});

Deno.test("a snapshot that is neither an id nor a time is refused", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const key = await project.key("restore");
  for (const snapshot of ["", "newest", "2026-11-21", "yesterday", "20261121T020000Z", null]) {
    const answer = await project.call("POST", "holdfast-restore/runs", { key, body: { snapshot } });
    assertInvalid(answer, [["snapshot", /must be latest/]]);
  }
});

Deno.test("a backup and an import accept no fields", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const key = await project.key("operate");
  for (const path of ["holdfast-backup/runs", "holdfast-backup/imports"]) {
    const answer = await project.call("POST", path, { key, body: { full: true, bucket: "a" } });
    assertInvalid(answer, [["full", /is not a field/], ["bucket", /is not a field/]]);
  }
  await assertNothingStarted(project);
});

Deno.test("a body of more than 64 KiB is refused", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const answer = await project.call("POST", "holdfast-backup/runs", {
    key: await project.key("operate"),
    body: " ".repeat(64 * 1024 + 1),
  });
  assert.deepEqual([answer.status, answer.body.code], [400, "request_invalid"]);
  await assertNothingStarted(project);
});

Deno.test("an unknown snapshot returns 404 and lists the newest snapshots", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  await createBucket(project, "files");
  for (let n = 0; n < 6; n++) {
    await upload(project, "files", `${n}`);
    await project.backup();
  }
  const newest = (await project.reader.snapshotIds()).reverse().slice(0, 5);
  const snapshot = "20200101T000000Z-1";
  await using target = await TestProject.create({ repository: project.repository });
  for (const asked of [project, target]) {
    const { status, body } = await asked.call("POST", "holdfast-restore/runs", {
      key: await asked.key("restore"),
      body: { snapshot },
    });
    assert.deepEqual([status, body.code], [404, "snapshot_unknown"]);
    assert.equal(body.detail, `There is no snapshot ${snapshot}.`);
    assert.deepEqual(body.newest, newest);
    assert.equal(body.remedy, `The newest are: ${newest.join(", ")}.`);
    const runs = await asked.sql`select from holdfast_private.runs where kind = 'restore'`;
    assert.equal(runs.length, 0);
  }
});

Deno.test("a restore to a time before the first snapshot fails and lists the newest snapshots", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  await project.backup();
  const ids = await project.reader.snapshotIds();
  const body = { snapshot: "2020-01-01T00:00:00Z", dry_run: false };
  const run = await project.ended(await project.start("restore/runs", body));
  assert.deepEqual([run.state, run.code], ["failed", "snapshot_unknown"]);
  assert.equal(run.message, "There is no snapshot 2020-01-01T00:00:00Z.");
  assert.equal(run.remedy, `The newest are: ${ids[0]} (complete).`);
});

Deno.test("latest returns 404 if the repository has no snapshot", async () => {
  await using empty = await TestProject.create(ONE_PROCESS);
  await empty.bucket.put(
    "holdfast/holdfast.json",
    JSON.stringify({
      format: 1,
      repository_id: crypto.randomUUID(),
      created_at: new Date().toISOString(),
      requires: [],
    }),
  );
  const { status, body } = await empty.call("POST", "holdfast-restore/runs", {
    key: await empty.key("restore"),
  });
  assert.deepEqual([status, body.code, body.newest], [404, "snapshot_unknown", []]);
  assert.match(body.remedy, /holds no snapshot yet/);
});

Deno.test("a missing repository is reported before a restore starts", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const { status, body } = await project.call("POST", "holdfast-restore/runs", {
    key: await project.key("restore"),
  });
  assert.deepEqual([status, body.code], [409, "repository_missing"]);
  assert.match(body.remedy, /HOLDFAST_S3_BUCKET and HOLDFAST_S3_PREFIX/);
});
