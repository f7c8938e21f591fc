import assert from "node:assert/strict";
import { type BackupOptions, continueBackup, runBackup } from "./support/backup.ts";
import { copied, failed, type Item } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository, type SnapshotDocument } from "./support/repository.ts";

sqlTest(
  "removed objects are closed, also with small pages and unusual sort order",
  async (project) => {
    const { objects, repository } = await filled(project);
    const names = ["A", "a", "B", "b", "é", "z"];
    for (const name of names) await objects.upload("two", name);
    await runBackup(project, repository);
    for (const name of names) await objects.remove("two", name);
    const { run, snapshot } = await runBackup(project, repository, { maxItems: 1, windowRows: 2 });
    assert.deepEqual(paths(repository, snapshot), ["one/a", "one/b", "one/c"]);
    assert.deepEqual(await counters(project, run), { objects_removed: 6 });
  },
);

sqlTest(
  "a moved object is found ahead of the scan, behind it and in other buckets",
  async (project) => {
    const moves: [string, string, string][] = [
      ["b", "one", "z"], // ahead: its new name is scanned last
      ["b", "one", "0"], // behind: its new name was scanned before the old one was missed
      ["b", "two", "B"], // another bucket, scanned later
      ["a", "0ne", "d"], // another bucket, scanned before
    ];
    for (const [name, toBucket, toName] of moves) {
      const { objects, repository, held } = await filled(project, ["one", "two", "0ne"]);
      await objects.move("one", name, toBucket, toName);
      const before = await blobs(project);
      const { run, snapshot, missing } = await runBackup(project, repository);
      const now = read(repository, snapshot);
      assert.deepEqual(missing, []);
      assert.equal(now.size, held.size);
      assert.equal(now.get(`${toBucket}/${toName}`)?.key, held.get(`one/${name}`)?.key);
      assert.equal(now.get(`${toBucket}/${toName}`)?.assumed, true);
      assert.equal(await blobs(project), before);
      assert.deepEqual(await counters(project, run), { objects_moved: 1 });
      await objects.removeBucket("one");
      await objects.removeBucket("two");
      await objects.removeBucket("0ne");
    }
  },
);

sqlTest(
  "an object that moves behind the running scan is found by the missing stage",
  async (project) => {
    const { objects, repository, held } = await filled(project);
    const { snapshot, missing } = await runBackup(project, repository, {
      ...once("a", async () => {
        await objects.move("one", "b", "one", "0");
        await objects.upload("one", "0", { text: "and other bytes" });
      }),
    });
    assert.deepEqual(missing, ["one/0"]);
    assert.deepEqual(paths(repository, snapshot), ["one/0", "one/a", "one/c"]);
    assert.notEqual(read(repository, snapshot).get("one/0")?.key, held.get("one/b")?.key);
  },
);

sqlTest("a move from behind the scan to ahead of it results in one name", async (project) => {
  const { objects, repository, held } = await filled(project);
  const { snapshot } = await runBackup(project, repository, {
    ...once("a", () => objects.move("one", "a", "one", "d")),
  });
  assert.deepEqual(paths(repository, snapshot), ["one/b", "one/c", "one/d"]);
  assert.equal(read(repository, snapshot).get("one/d")?.key, held.get("one/a")?.key);
});

sqlTest(
  "an object that is in no snapshot is found after a move behind the scan",
  async (project) => {
    const { objects, repository } = await filled(project, ["one", "two"]);
    await objects.upload("two", "new");
    await objects.upload("two", "z");
    const { snapshot, missing } = await runBackup(project, repository, {
      maxItems: 1,
      ...once("new", () => objects.move("two", "z", "one", "0")),
    });
    assert.deepEqual(missing, ["one/0"]);
    assert.deepEqual(paths(repository, snapshot), ["one/0", "one/a", "one/b", "one/c", "two/new"]);
  },
);

sqlTest(
  "a name that another object takes meanwhile does not keep its previous entry",
  async (project) => {
    const { objects, repository, held } = await filled(project);
    await objects.remove("one", "b");
    await objects.upload("one", "c", { text: "changed, so that the window is at work" });
    const { snapshot } = await runBackup(project, repository, {
      beforeCommit: () => objects.upload("one", "b", { text: "another object" }),
    });
    const now = read(repository, snapshot);
    assert.notEqual(now.get("one/b")?.version, held.get("one/b")?.version);
    assert.deepEqual((await runBackup(project, repository)).scanned, ["one/b"]);
  },
);

sqlTest(
  "an object that moves away and back meanwhile is listed in its current state",
  async (project) => {
    const { objects, repository } = await filled(project, ["one", "two"]);
    await objects.move("one", "b", "two", "away");
    await objects.upload("one", "c", { text: "changed, so that the window is at work" });
    const { snapshot } = await runBackup(project, repository, {
      beforeCommit: async (items) => {
        if (items.some(({ name }) => name === "c")) await objects.move("two", "away", "one", "b");
      },
    });
    const now = read(repository, snapshot);
    assert.deepEqual([...now.keys()], ["one/a", "one/b", "one/c"]);
    await assertVersions(project, now);
  },
);

sqlTest("an object that moves again after the search is listed once", async (project) => {
  const { objects, repository } = await filled(project);
  await objects.move("one", "a", "one", "d");
  const { run } = await runBackup(project, repository, {
    stopBefore: ({ stage }) => stage === "close",
  });
  await objects.move("one", "d", "one", "0");
  const { snapshot } = await continueBackup(project, repository, run);
  // The location where the run found it. Earlier it had another name.
  assert.deepEqual(paths(repository, snapshot), ["one/b", "one/c", "one/d"]);
});

sqlTest(
  "the entry of an old name stays open until the bytes are stored under the new name",
  async (project) => {
    const { objects, repository, held } = await filled(project);
    await objects.move("one", "a", "one", "d");
    await objects.upload("one", "d", { text: "overwritten as well" });
    const failing = await runBackup(project, repository, {
      act: (item) => item.name === "d" ? failed(item, "failed") : copied(item),
    });
    const kept = read(repository, failing.snapshot);
    assert.equal(kept.get("one/a")?.key, held.get("one/a")?.key);
    assert.equal(kept.get("one/d")?.key, undefined);
    const healed = await runBackup(project, repository);
    assert.deepEqual(paths(repository, healed.snapshot), ["one/b", "one/c", "one/d"]);
    assert.deepEqual(await counters(project, healed.run), { objects_moved: 1 });
  },
);

sqlTest("two objects that swap names are both kept", async (project) => {
  const { objects, repository } = await filled(project);
  await objects.move("one", "a", "one", "tmp");
  await objects.move("one", "b", "one", "a");
  await objects.move("one", "tmp", "one", "b");
  const { snapshot } = await runBackup(project, repository);
  const now = read(repository, snapshot);
  assert.deepEqual([...now.keys()], ["one/a", "one/b", "one/c"]);
  await assertVersions(project, now);
  assert.deepEqual((await runBackup(project, repository)).scanned, []);
});

sqlTest(
  "a chain of objects that each take the next one's name is kept completely",
  async (project) => {
    const { objects, repository } = await filled(project);
    await objects.remove("one", "c");
    await objects.move("one", "b", "one", "c");
    await objects.move("one", "a", "one", "b");
    await objects.upload("one", "a", { text: "new" });
    const { snapshot } = await runBackup(project, repository, { maxItems: 1 });
    const now = read(repository, snapshot);
    assert.deepEqual([...now.keys()], ["one/a", "one/b", "one/c"]);
    await assertVersions(project, now);
  },
);

sqlTest(
  "a name that is removed and recreated within one run is in the next snapshot",
  async (project) => {
    const { objects, repository } = await filled(project);
    await objects.remove("one", "a");
    await runBackup(project, repository, {
      ...once("b", async () => {
        await objects.upload("one", "a", { text: "back" });
      }),
    });
    const { snapshot } = await runBackup(project, repository);
    assert.deepEqual(paths(repository, snapshot), ["one/a", "one/b", "one/c"]);
    await assertVersions(project, read(repository, snapshot));
  },
);

sqlTest("objects of a deleted or excluded bucket are closed", async (project) => {
  const { objects, repository } = await filled(project, ["one", "two", "three"]);
  await objects.removeBucket("two");
  await project.owner`select holdfast.set('buckets', '["one", "two"]')`;
  const { run, snapshot } = await runBackup(project, repository);
  assert.deepEqual(paths(repository, snapshot), ["one/a", "one/b", "one/c"]);
  assert.deepEqual(await counters(project, run), { objects_removed: 3, objects_excluded: 3 });
  assert.deepEqual(snapshot?.buckets.map((bucket) => bucket.id), ["one"]);
});

sqlTest(
  "excluded objects are closed as excluded and return with their stored bytes",
  async (project) => {
    const { objects, repository, held } = await filled(project);
    await project.owner`select holdfast.set('exclude', '["one/b"]')`;
    const without = await runBackup(project, repository);
    assert.deepEqual(paths(repository, without.snapshot), ["one/a", "one/c"]);
    assert.deepEqual(await counters(project, without.run), { objects_excluded: 1 });
    await objects.move("one", "a", "one", "big");
    await project.owner`select holdfast.set('exclude', '["one/big"]')`;
    const next = await runBackup(project, repository);
    assert.deepEqual(paths(repository, next.snapshot), ["one/b", "one/c"]);
    // This version is stored already, so nothing is copied again.
    assert.equal(read(repository, next.snapshot).get("one/b")?.key, held.get("one/b")?.key);
    assert.equal(await blobs(project), 3);
  },
);

sqlTest("objects above the maximum size are omitted", async (project) => {
  const { repository } = await filled(project);
  await project.owner`select holdfast.set('max_object_bytes', '1')`;
  await project.owner`
    update storage.objects set metadata = metadata || '{"size": 2}', version = 'v2'
    where name = 'b'`;
  const { run, snapshot } = await runBackup(project, repository);
  assert.deepEqual(paths(repository, snapshot), ["one/a", "one/c"]);
  assert.deepEqual(await counters(project, run), { objects_excluded: 1 });
});

async function filled(project: SqlProject, buckets = ["one", "two"]) {
  const objects = new Objects(project.owner);
  const repository = new Repository();
  for (const bucket of buckets) await objects.createBucket(bucket);
  for (const bucket of buckets.filter((each) => each !== "two" || buckets.length > 2)) {
    for (const name of ["a", "b", "c"]) await objects.upload(bucket, name, { text: name });
  }
  const { snapshot } = await runBackup(project, repository);
  return { objects, repository, held: read(repository, snapshot) };
}

/** Changes the project after the scan has passed a name. */
function once(after: string, change: () => Promise<unknown>): BackupOptions {
  let done = false;
  return {
    windowRows: 1,
    beforePage: async (behind) => {
      if (done || behind !== after) return;
      done = true;
      await change();
    },
  };
}

function read(repository: Repository, snapshot: SnapshotDocument | undefined) {
  assert.ok(snapshot);
  return repository.read(snapshot);
}

function paths(repository: Repository, snapshot: SnapshotDocument | undefined): string[] {
  return [...read(repository, snapshot).keys()].sort();
}

async function assertVersions(project: SqlProject, listed: ReturnType<typeof read>) {
  const rows = await project.owner<Pick<Item, "bucket_id" | "name" | "version">[]>`
    select bucket_id, name, version from storage.objects`;
  for (const row of rows) {
    assert.equal(listed.get(`${row.bucket_id}/${row.name}`)?.version, row.version, row.name);
  }
}

async function blobs(project: SqlProject): Promise<number> {
  const [{ count }] = await project.owner`select count(*)::int from holdfast_private.blobs`;
  return count;
}

/** The nonzero counters of the close stage. */
async function counters(project: SqlProject, run: string) {
  const [row] = await project.owner<{ counters: Record<string, number> }[]>`
    select counters from holdfast_private.cursors where run = ${run} and stage = 'close'`;
  return Object.fromEntries(Object.entries(row.counters).filter(([, count]) => count > 0));
}
