import assert from "node:assert/strict";
import fc from "fast-check";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const uuid = (digit: number) => `00000000-0000-4000-8000-00000000000${digit}`;

sqlTest("a key is stored only if it cannot be derived from its entry", async (project) => {
  const objects = new Objects(project.owner);
  const repository = new Repository();
  await objects.createBucket("photos");
  for (const name of ["a", "b/c", "d"]) await objects.upload("photos", name, { text: name });
  const first = await runBackup(project, repository);
  assert.ok(first.snapshot);
  assert.deepEqual(await spelled(project), []);
  const before = repository.read(first.snapshot);

  await objects.move("photos", "b/c", "photos", "moved");
  const moved = await runBackup(project, repository);
  assert.ok(moved.snapshot);
  const { key } = before.get("photos/b/c")!;
  assert.equal(repository.read(moved.snapshot).get("photos/moved")?.key, key);
  assert.deepEqual(await spelled(project), [key]);
  await assertOneBlobAKey(project);
});

sqlTest("overwritten and discarded blobs keep their keys", async (project) => {
  const { owner } = project;
  await owner.unsafe(REPOSITORY);
  const put = async (sequence: number, line: Line) =>
    await owner`select holdfast_private.put_entries(1, ${sequence}, ${owner.json([stored(line)])})`;
  const first = { name: "a", version: uuid(1), key: `data/b/a/${uuid(1)}` };
  await put(1, first);
  await put(1, { name: "a", version: uuid(2), key: `data/b/a/${uuid(2)}` });
  assert.deepEqual(await spelled(project), [first.key]);
  await owner`select holdfast_private.rollback_unsealed(1)`;
  assert.deepEqual(await spelled(project), [first.key, `data/b/a/${uuid(2)}`]);
  // The bytes are copied again under the same key.
  await put(2, first);
  await assertOneBlobAKey(project);
  const [{ blobs }] = await owner`select count(*)::int as blobs from holdfast_private.blobs`;
  assert.equal(blobs, 2);
});

sqlTest("discarding unsealed work in steps has the same result as in one step", async (project) => {
  const { owner } = project;
  const objects = new Objects(owner);
  const repository = new Repository();
  await objects.createBucket("photos");
  const names = Array.from({ length: 7 }, (_, index) => `photo ${index}`);
  for (const name of names) await objects.upload("photos", name, { text: name });
  await runBackup(project, repository);
  const sealed = await allEntries(project);
  for (const name of names.slice(0, 4)) await objects.upload("photos", name, { text: "other" });
  await objects.upload("photos", "new", { text: "new" });
  await objects.remove("photos", names[5]!);
  await runBackup(project, repository, { stopBefore: ({ stage }) => stage === "seal" });
  assert.notDeepEqual(await allEntries(project), sealed);
  const steps: number[] = [];
  for (let forgot = -1; forgot !== 0; steps.push(forgot)) {
    [{ forgot }] = await owner`select holdfast_private.rollback_unsealed_step(1, 3) as forgot`;
    const [{ open }] = await owner`
      select coalesce(max(n), 0)::int as open from (
        select count(*) as n from holdfast_private.entries where removed_in is null group by name) as x`;
    assert.ok(open <= 1, "a name has one open entry");
  }
  assert.deepEqual(steps, [3, 2, 3, 2, 0]);
  assert.deepEqual(await allEntries(project), sealed);
  await assertOneBlobAKey(project);
});

async function allEntries({ owner }: SqlProject) {
  return [
    ...await owner`
    select bucket_id, name, added_in, removed_in, version, key from holdfast_private.known_entries
    order by bucket_id, name, added_in`,
  ];
}

sqlTest(
  "for all sequences of lines, an entry has its line's key, and a key has one blob",
  async (project) => {
    const { owner } = project;
    await owner.unsafe(REPOSITORY);
    await fc.assert(
      fc.asyncProperty(fc.array(page, { minLength: 1, maxLength: 6 }), async (pages) => {
        await owner`truncate holdfast_private.entries, holdfast_private.blobs`;
        const open = new Map<string, string>();
        let sequence = 1;
        for (const { lines, next } of pages) {
          sequence += Number(next);
          await owner`select holdfast_private.put_entries(1, ${sequence}, ${
            owner.json(lines.map(stored))
          })`;
          for (const { name, key } of lines) open.set(name, key);
          const rows = await owner<{ name: string; key: string }[]>`
          select name, key from holdfast_private.known_entries where removed_in is null order by name`;
          assert.deepEqual(new Map(rows.map(({ name, key }) => [name, key])), open);
          await assertOneBlobAKey(project);
        }
      }),
      { numRuns: 60 },
    );
  },
);

interface Line {
  name: string;
  version: string;
  key: string;
}

const name = fc.constantFrom("a", "a/b", "c");
const version = fc.constantFrom(uuid(1), uuid(2), "odd/version");
const key = fc.oneof(
  fc.tuple(name, version).map(([name, version]) => `data/b/${name}/${version}`),
  fc.constantFrom("data/~/0123", "data/b/a/odd"),
);
const line = fc.oneof(
  fc.record({ name, version, key }),
  fc.record({ name, version }).map((own) => ({ ...own, key: `data/b/${own.name}/${own.version}` })),
);
const page = fc.record({
  lines: fc.uniqueArray(line, { selector: (line) => line.name, minLength: 1 }),
  next: fc.boolean(),
});

const REPOSITORY = `insert into holdfast_private.repositories
  (repository_id, endpoint, bucket, prefix, format_version)
  values (gen_random_uuid(), 'https://example.com', 'bucket', 'prefix', 1)`;

/** A line as an import passes it on. */
function stored({ name, version, key }: Line) {
  return {
    bucket_id: "b",
    name,
    version,
    metadata: {},
    stored: { key, size: 1, sha256: "ab".repeat(32), part_size: null },
  };
}

/** The keys that are stored. */
async function spelled({ owner }: SqlProject): Promise<string[]> {
  const rows = await owner<{ key: string }[]>`
    select key from holdfast_private.blobs where key is not null order by key`;
  return rows.map(({ key }) => key);
}

/**
 * Every blob has one key, stored or derived from all of its entries. No other blob has that key.
 */
async function assertOneBlobAKey({ owner }: SqlProject): Promise<void> {
  const rows = await owner<{ id: string; keys: string[] }[]>`
    select b.id, array_remove(array_agg(distinct coalesce(b.key, e.key)), null) as keys
    from holdfast_private.blobs b left join holdfast_private.known_entries e on e.blob = b.id group by b.id`;
  for (const { id, keys } of rows) assert.equal(keys.length, 1, `blob ${id}: ${keys}`);
  const keys = rows.flatMap((row) => row.keys);
  assert.equal(new Set(keys).size, keys.length, keys.join(", "));
}
