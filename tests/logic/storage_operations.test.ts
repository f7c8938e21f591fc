import assert from "node:assert/strict";
import { assertHolds } from "../support/assert_snapshot.ts";
import { createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import type { Snapshot } from "../../stack/repository_reader.ts";

type Storage = TestProject["storage"];

/** Two buckets of one operation, as supabase-js handles them. */
interface Location {
  storage: Storage;
  one: string;
  two: string;
}

/** An operation and the expected next snapshot. */
interface Operation {
  /** The name in Storage's API reference. */
  name: string;
  act: (location: Location) => Promise<unknown>;
  /** Objects that the snapshot has in addition to {@link BEFORE}. */
  adds?: string[];
  /** Objects of {@link BEFORE} that the snapshot lacks. */
  takes?: string[];
  /** Objects whose bytes the backup reads. Default: none. */
  reads?: string[];
  /** Objects that use stored bytes and are not read again. */
  assumed?: string[];
}

/** The objects before each operation. They are backed up first. */
const BEFORE = ["one/a", "one/b", "one/folder/c", "two/d"];

const blob = () => new Blob(["new bytes"]);

const OPERATIONS: Operation[] = [
  {
    name: "upload",
    act: ({ storage, one }) => ok(storage.from(one).upload("new", blob())),
    adds: ["one/new"],
    reads: ["one/new"],
  },
  {
    name: "upload with upsert, over an object",
    act: ({ storage, one }) => ok(storage.from(one).upload("a", blob(), { upsert: true })),
    reads: ["one/a"],
  },
  {
    name: "upload with upsert of the bytes that are there",
    act: ({ storage, one }) => ok(storage.from(one).upload("a", "bytes of a", { upsert: true })),
    reads: ["one/a"],
  },
  {
    name: "update",
    act: ({ storage, one }) => ok(storage.from(one).update("folder/c", blob())),
    reads: ["one/folder/c"],
  },
  {
    name: "upload to a signed URL",
    act: async ({ storage, two }) => {
      const { token } = await ok(storage.from(two).createSignedUploadUrl("signed"));
      await ok(storage.from(two).uploadToSignedUrl("signed", token, blob()));
    },
    adds: ["two/signed"],
    reads: ["two/signed"],
  },
  {
    name: "move in a bucket",
    act: ({ storage, one }) => ok(storage.from(one).move("a", "folder/moved")),
    adds: ["one/folder/moved"],
    takes: ["one/a"],
    assumed: ["one/folder/moved"],
  },
  {
    name: "move to another bucket",
    act: ({ storage, one, two }) =>
      ok(storage.from(one).move("b", "b", { destinationBucket: two })),
    adds: ["two/b"],
    takes: ["one/b"],
    assumed: ["two/b"],
  },
  {
    name: "move there and back",
    act: async ({ storage, one }) => {
      await ok(storage.from(one).move("a", "x"));
      await ok(storage.from(one).move("x", "a"));
    },
    // The version is new, and no entry under another name has the same version.
    reads: ["one/a"],
  },
  {
    name: "move of two objects that change places",
    act: async ({ storage, one }) => {
      await ok(storage.from(one).move("a", "x"));
      await ok(storage.from(one).move("b", "a"));
      await ok(storage.from(one).move("x", "b"));
    },
    assumed: ["one/a", "one/b"],
  },
  {
    name: "copy in a bucket",
    act: ({ storage, one }) => ok(storage.from(one).copy("a", "copy")),
    adds: ["one/copy"],
    reads: ["one/copy"],
  },
  {
    name: "copy to another bucket",
    act: ({ storage, one, two }) =>
      ok(storage.from(one).copy("a", "a", { destinationBucket: two })),
    adds: ["two/a"],
    reads: ["two/a"],
  },
  {
    name: "delete one",
    act: ({ storage, two }) => ok(storage.from(two).remove(["d"])),
    takes: ["two/d"],
  },
  {
    name: "delete many",
    act: ({ storage, one }) => ok(storage.from(one).remove(["a", "folder/c", "is not there"])),
    takes: ["one/a", "one/folder/c"],
  },
  {
    name: "delete and upload under the same name",
    act: async ({ storage, one }) => {
      await ok(storage.from(one).remove(["a"]));
      await ok(storage.from(one).upload("a", blob()));
    },
    reads: ["one/a"],
  },
  {
    name: "empty a bucket",
    act: ({ storage, one }) => ok(storage.emptyBucket(one)),
    takes: ["one/a", "one/b", "one/folder/c"],
  },
  {
    name: "delete a bucket",
    act: async ({ storage, two }) => {
      await ok(storage.emptyBucket(two));
      await ok(storage.deleteBucket(two));
    },
    takes: ["two/d"],
  },
  {
    name: "create a bucket",
    act: ({ storage, two }) => ok(storage.createBucket(`${two} and a half`, { public: true })),
  },
  {
    name: "update a bucket",
    act: ({ storage, two }) =>
      ok(storage.updateBucket(two, {
        public: true,
        fileSizeLimit: 5_000,
        allowedMimeTypes: ["image/png"],
      })),
  },
  {
    name: "list, info, exists, download, signed URL",
    act: async ({ storage, one }) => {
      await ok(storage.from(one).list());
      await ok(storage.from(one).info("a"));
      await ok(storage.from(one).exists("a"));
      await ok(storage.from(one).download("a"));
      await ok(storage.from(one).createSignedUrl("a", 60));
    },
  },
];

Deno.test("the next snapshot reflects each operation of Storage's reference", async (test) => {
  await using project = await TestProject.create();
  for (const operation of OPERATIONS) await prepare(project, operation);
  await project.backup();
  for (const operation of OPERATIONS) {
    await operation.act({ storage: project.storage, ...bucketsOf(operation) });
  }
  await project.client.call("resetStorageRequests", {});
  const { run, ...snapshot } = await project.backupSnapshot();
  const { records } = await project.client.storageRequests();
  const read = records.map(({ path }) => decodeURIComponent(new URL(path, project.url).pathname));

  await assertHolds(project, snapshot);
  for (const operation of OPERATIONS) {
    await test.step(operation.name, () => check(operation, snapshot, read));
  }
  const removed = OPERATIONS.flatMap(({ takes = [] }) => takes).length;
  assert.equal(run.counters.objects_removed! + run.counters.objects_moved!, removed);
  const buckets = await project.sql`
    select to_jsonb(b) - 'updated_at' as bucket from storage.buckets b order by id collate "C"`;
  assert.deepEqual(snapshot.document.buckets, buckets.map(({ bucket }) => bucket));
});

function bucketsOf(operation: Operation): { one: string; two: string } {
  const number = OPERATIONS.indexOf(operation) + 10;
  return { one: `${number} one`, two: `${number} two` };
}

/** The location of an object in the buckets of its operation. */
function placed(operation: Operation, object: string): string {
  return `${OPERATIONS.indexOf(operation) + 10} ${object}`;
}

async function prepare(project: TestProject, operation: Operation): Promise<void> {
  for (const bucket of Object.values(bucketsOf(operation))) await createBucket(project, bucket);
  for (const object of BEFORE) {
    const [bucket, ...name] = placed(operation, object).split("/");
    await upload(project, bucket!, name.join("/"), `bytes of ${name.at(-1)}`);
  }
}

function check(operation: Operation, { entries }: Snapshot, read: string[]): void {
  const { adds = [], takes = [], reads = [], assumed = [] } = operation;
  const locations = (objects: string[]) =>
    objects.map((object) => placed(operation, object)).sort();
  const own = [...entries].filter(([location]) => location.startsWith(placed(operation, "")));
  assert.deepEqual(
    own.map(([location]) => location).sort(),
    locations([...BEFORE.filter((object) => !takes.includes(object)), ...adds]),
  );
  assert.deepEqual(
    own.flatMap(([location, entry]) => entry.assumed ? [location] : []).sort(),
    locations(assumed),
  );
  assert.deepEqual(
    read.flatMap((path) => {
      const location = path.replace("/object/authenticated/", "");
      return location.startsWith(placed(operation, "")) ? [location] : [];
    }).sort(),
    locations(reads),
  );
}
