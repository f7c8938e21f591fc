import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { runBackup } from "./support/backup.ts";
import { copied, failed } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const NAMES = ["A", "B/1", "B/2", "a", "b", "Z", "_", "é", "e", "É"];

sqlTest("listings are written in pages limited by bytes, each line once", async (project) => {
  const { objects, repository } = await filled(project.owner);
  const { snapshot } = await runBackup(project, repository, { maxLines: 3 });
  assert.ok(snapshot);
  assert.deepEqual(snapshot.parts.map((part) => part.entries), [3, 3, 3, 1]);
  assert.deepEqual(
    snapshot.parts.flatMap((part) => repository.part(part.key)).map((line) => line.name),
    NAMES.toSorted(byBytes),
  );

  for (const name of NAMES) await objects.upload("photos", name, { text: "other" });
  await objects.remove("photos", "a");
  const second = await runBackup(project, repository, { maxLines: 4 });
  const changes = second.snapshot?.parts.filter((part) => part.kind === "changes") ?? [];
  assert.deepEqual(changes.map((part) => part.entries), [4, 4, 2]);
  const lines = changes.flatMap((part) => repository.part(part.key));
  assert.deepEqual(lines.map((line) => line.name), NAMES.toSorted(byBytes));
  assert.deepEqual(lines.filter((line) => line.op === "remove").map((line) => line.name), ["a"]);
  assert.ok(second.snapshot);
  repository.read(second.snapshot);
});

sqlTest("objects that an abandoned run copied are listed by the next run", async (project) => {
  const { objects, repository } = await filled(project.owner);
  const first = await runBackup(project, repository);
  await objects.upload("photos", "A", { text: "changed" });
  await objects.upload("photos", "new", { text: "new" });
  await objects.remove("photos", "b");
  const left = await runBackup(project, repository, {
    stopBefore: (lease) => lease.stage === "seal",
  });
  await project.worker`select holdfast_private.cancel_run(${left.run})`;

  // The name was listed twice. The abandoned run's entry was in no snapshot and is closed again.
  await objects.remove("photos", "new");
  await objects.upload("photos", "A", { text: "changed again" });
  const next = await runBackup(project, repository);
  assert.ok(first.snapshot && next.snapshot);
  assert.equal(next.snapshot.sequence, first.snapshot.sequence + 2);
  const part = next.snapshot.parts.at(-1);
  assert.ok(part);
  assert.deepEqual(repository.part(part.key).map(({ op, name }) => `${op} ${name}`), [
    "put A",
    "remove b",
  ]);
  assert.deepEqual(
    new Set(repository.read(next.snapshot).keys()),
    new Set(NAMES.filter((name) => name !== "b").map((name) => `photos/${name}`)),
  );
});

sqlTest(
  "an object that an abandoned run removed and that exists again is listed as put",
  async (project) => {
    const { objects, repository } = await filled(project.owner);
    await runBackup(project, repository);
    await objects.remove("photos", "b");
    const left = await runBackup(project, repository, {
      stopBefore: (lease) => lease.stage === "seal",
    });
    await project.worker`select holdfast_private.cancel_run(${left.run})`;
    await objects.upload("photos", "b", { text: "back" });
    const { snapshot } = await runBackup(project, repository);
    assert.ok(snapshot);
    assert.equal(repository.read(snapshot).size, NAMES.length);
    assert.deepEqual(
      repository.part(snapshot.parts[1].key).map(({ op, name }) => `${op} ${name}`),
      ["put b"],
    );
  },
);

sqlTest("a sealing run cannot be cancelled, and its document stays as frozen", async (project) => {
  const { repository } = await filled(project.owner);
  const left = await runBackup(project, repository, {
    stopBefore: (lease) => lease.stage === "seal",
  });
  await project.owner`
    update holdfast_private.runs set state = 'sealing', frozen = '{"frozen": true}' where id = ${left.run}`;
  await assert.rejects(
    project.worker`select holdfast_private.cancel_run(${left.run})`,
    { message: "run_not_cancellable", detail: `Run ${left.run} is sealing.` },
  );
  const [{ lease }] = await project.worker`
    select holdfast_private.lease_cursor(gen_random_uuid(), 'holdfast-backup') as lease`;
  assert.equal(lease.frozen, '{"frozen": true}');
});

sqlTest("a full listing is written when the changes exceed their limit", async (project) => {
  const { objects, repository } = await filled(project.owner);
  let last = (await runBackup(project, repository)).snapshot;
  for (let round = 0; round < 30; round++) {
    await objects.upload("photos", "A", { text: `${round}` });
    last = (await runBackup(project, repository)).snapshot;
  }
  assert.equal(last?.parts.length, 31);
  await objects.upload("photos", "A", { text: "the last" });
  last = (await runBackup(project, repository)).snapshot;
  assert.deepEqual(last?.parts.map((part) => part.kind), ["full"]);
  assert.ok(last);
  assert.equal(repository.read(last).size, NAMES.length);
});

sqlTest("totals and state report objects that failed", async (project) => {
  const { objects, repository } = await filled(project.owner);
  await runBackup(project, repository);
  await objects.upload("photos", "A", { text: "stale from now on" });
  await objects.upload("photos", "lost", { text: "never held" });
  await objects.move("photos", "b", "photos", "moved");
  const partial = await runBackup(project, repository, {
    act: (item) => item.blob === null ? failed(item, "failed", "source_error") : copied(item),
  });
  assert.equal(partial.snapshot?.state, "partial");
  assert.deepEqual(partial.snapshot.totals, {
    objects: NAMES.length + 1,
    bytes: NAMES.join("").length + 2, /* é and É have two bytes each */
    unavailable: 0,
    failed: 1,
    stale: 1,
    assumed: 1,
  });
  repository.read(partial.snapshot);
  assert.deepEqual(partial.snapshot.buckets.map((bucket) => bucket.id), ["photos"]);
  const [{ result }] = await project.owner`
    select result from holdfast_private.runs where id = ${partial.run}`;
  assert.deepEqual(result, {
    snapshot: partial.snapshot.id,
    state: "partial",
    totals: partial.snapshot.totals,
  });

  // A failed object that was deleted since does not make the snapshot partial.
  await objects.remove("photos", "lost");
  const next = await runBackup(project, repository);
  assert.equal(next.snapshot?.state, "complete");
  assert.equal(next.snapshot.totals.stale, 0);
  repository.read(next.snapshot);
});

sqlTest("unavailable objects are counted separately from failed ones", async (project) => {
  const { objects, repository } = await filled(project.owner);
  for (const name of ["missing", "refused"]) await objects.upload("photos", name);
  const { snapshot } = await runBackup(project, repository, {
    act: (item) =>
      item.name === "missing"
        ? failed(item, "unavailable")
        : item.name === "refused"
        ? failed(item, "failed", "storage_failed")
        : copied(item),
  });
  assert.ok(snapshot);
  assert.deepEqual([snapshot.totals.unavailable, snapshot.totals.failed], [1, 1]);
  repository.read(snapshot);

  // No object was added or removed. Only the reason has changed.
  await project.owner`update holdfast_private.failures set next_at = now() + interval '1 day'`;
  await project.owner`update holdfast_private.failures set class = 'unavailable'`;
  const next = await runBackup(project, repository);
  assert.ok(next.snapshot);
  assert.equal(next.snapshot.parts.length, 1);
  assert.deepEqual([next.snapshot.state, next.snapshot.totals.unavailable], ["complete", 2]);
  assert.equal(next.snapshot.totals.failed, 0);
  repository.read(next.snapshot);
});

sqlTest(
  "totals are correct after every kind of change from snapshot to snapshot",
  async (project) => {
    const { objects, repository } = await filled(project.owner);
    await runBackup(project, repository);
    const changes: (() => Promise<unknown>)[] = [
      () => objects.upload("photos", "A", { text: "longer than it was" }),
      () => objects.move("photos", "B/1", "photos", "moved"),
      () => objects.move("photos", "moved", "photos", "and again"),
      () => objects.remove("photos", "and again"),
      () => objects.setUserMetadata("photos", "A", { n: "1" }),
      () => Promise.resolve(),
      () => project.owner`select holdfast.set('exclude', '["photos/e"]')`,
    ];
    for (const change of changes) {
      await change();
      const { snapshot } = await runBackup(project, repository);
      assert.ok(snapshot);
      repository.read(snapshot);
    }
  },
);

sqlTest("a listing of changes is the same by sequence and by name", async (project) => {
  const { objects, repository } = await filled(project.owner);
  await runBackup(project, repository);
  await project.owner.unsafe(
    "create or replace function holdfast_private.changes_to_sort() returns integer language sql as 'select 2'",
  );
  for (const name of ["a", "é", "Z", "B/2"]) {
    await objects.upload("photos", name, { text: "other" });
  }
  await objects.upload("photos", "between");
  await objects.remove("photos", "B/1");
  const left = await runBackup(project, repository, {
    stopBefore: (lease) => lease.stage === "seal",
  });
  await project.worker`select holdfast_private.cancel_run(${left.run})`;
  await objects.remove("photos", "between");
  await objects.remove("photos", "_");
  const { snapshot } = await runBackup(project, repository, { maxLines: 2 });
  assert.ok(snapshot);
  const lines = snapshot.parts.slice(1).flatMap((part) => repository.part(part.key));
  assert.deepEqual(lines.map(({ op, name }) => `${op} ${name}`), [
    "remove B/1",
    "put B/2",
    "put Z",
    "remove _",
    "put a",
    "put é",
  ]);
  assert.equal(repository.read(snapshot).size, NAMES.length - 2);
});

async function filled(owner: ConstructorParameters<typeof Objects>[0]) {
  const objects = new Objects(owner);
  await objects.createBucket("photos");
  for (const name of NAMES) await objects.upload("photos", name, { text: name });
  return { objects, repository: new Repository() };
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
