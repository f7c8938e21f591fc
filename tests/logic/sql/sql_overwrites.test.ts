import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";
import { RestoreWorker } from "./support/restore_worker.ts";

const WORDS = { edition: "1" };

/** A row of holdfast_private.overwrites, as far as it is looked at. */
interface Overwrite {
  version: string;
  user_metadata: Record<string, string> | null;
  keeps: boolean;
  doubtful: boolean;
  put: string | null;
}

/** A project with a backup of one file that says something, and its version. */
async function given(
  project: SqlProject,
): Promise<{ objects: Objects; version: string; repository: Repository }> {
  const objects = new Objects(project.owner);
  await objects.createBucket("files");
  await objects.upload("files", "a", { text: "bytes", userMetadata: WORDS });
  const repository = new Repository();
  await runBackup(project, repository);
  return { objects, version: await versionNow(project), repository };
}

async function versionNow({ owner }: SqlProject): Promise<string> {
  const [{ version }] = await owner`select version from storage.objects`;
  return version;
}

/** Ends the restore that runs, as if it had been cancelled a minute ago. */
async function runEnds({ owner }: SqlProject): Promise<void> {
  await owner`
    update holdfast_private.runs set state = 'cancelled', ended_at = now() - interval '1 minute'
    where kind = 'restore' and state = 'running'`;
}

async function wordsNow({ owner }: SqlProject): Promise<unknown> {
  const [{ user_metadata }] = await owner`select user_metadata from storage.objects`;
  return user_metadata;
}

async function writtenDown({ owner }: SqlProject): Promise<Overwrite[]> {
  const rows = await owner<Overwrite[]>`
    select version, metadata -> 'user_metadata' as user_metadata, keeps,
      doubtful_at is not null as doubtful, put
    from holdfast_private.overwrites`;
  return rows.map((row) => ({ ...row }));
}

sqlTest("what is written down goes with its page", async (project) => {
  const { objects, version } = await given(project);
  const sqlWorker = await RestoreWorker.begin(project);
  await sqlWorker.page();
  assert.equal(await sqlWorker.recordIntent(version, false), true);
  const written = { version, user_metadata: WORDS, keeps: false, doubtful: false, put: null };
  assert.deepEqual(await writtenDown(project), [written]);
  await objects.upload("files", "a", { text: "bytes" });
  // Not by `commit`, which asks for the page again: so does a worker that goes on, and it has committed.
  await project.owner`update holdfast_private.overwrites set doubtful_at = null`;
  await sqlWorker.commit(await versionNow(project));
  assert.deepEqual((await writtenDown(project)).map(({ doubtful }) => doubtful), [true]);
});

sqlTest(
  "another version is not written over, nor one that says what no snapshot holds",
  async (project) => {
    const { objects, version } = await given(project);
    const sqlWorker = await RestoreWorker.begin(project);
    assert.equal(await sqlWorker.recordIntent(crypto.randomUUID(), true), false);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    assert.equal(await sqlWorker.recordIntent(version, false), false);
    assert.deepEqual(await writtenDown(project), []);
    assert.equal(await sqlWorker.recordIntent(version, true), true, "its row goes on to say that");
  },
);

sqlTest(
  "who announces again has an upload that may still come, and the row's own words",
  async (project) => {
    const { objects, version } = await given(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.recordIntent(version, true);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    await sqlWorker.recordIntent(version, true);
    const [again] = await writtenDown(project);
    assert.deepEqual(again, {
      version,
      user_metadata: { edition: "2" },
      keeps: true,
      doubtful: true,
      put: null,
    });
    // What came over it says nothing of a user's: what was written down first counts.
    await objects.upload("files", "a", { text: "bytes" });
    await sqlWorker.recordIntent(await versionNow(project), true);
    assert.deepEqual(await writtenDown(project), [again]);
  },
);

sqlTest(
  "what a fallen worker put is known by its row, and the row says again what it said",
  async (project) => {
    const { objects, version } = await given(project);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    const fallen = await RestoreWorker.begin(project);
    await fallen.page();
    await fallen.recordIntent(version, true);
    await objects.upload("files", "a", { text: "bytes" });
    const sqlWorker = await RestoreWorker.next(project);
    const [{ target }] = await sqlWorker.page();
    const { intent_recorded, of_this_run } = target;
    assert.deepEqual([intent_recorded, of_this_run], [true, true]);
    const put = await versionNow(project);
    await sqlWorker.commit(put);
    assert.deepEqual(await wordsNow(project), { edition: "2" });
    const [{ doubtful, put: committed }] = await writtenDown(project);
    assert.deepEqual([doubtful, committed], [true, put], "its own upload may still come");
  },
);

sqlTest("what was not put at last may still come, unless nobody fell", async (project) => {
  const { version } = await given(project);
  const sqlWorker = await RestoreWorker.begin(project);
  await sqlWorker.recordIntent(version, true);
  await sqlWorker.commit();
  assert.deepEqual((await writtenDown(project)).map(({ put }) => put), [version]);
});

sqlTest("what a restore never did is not put to a user's account later", async (project) => {
  const { objects, version } = await given(project);
  const sqlWorker = await RestoreWorker.begin(project);
  await sqlWorker.recordIntent(version, true);
  await project.owner`
    update holdfast_private.runs set state = 'cancelled', started_at = now() - interval '3 days',
      ended_at = now() - interval '2 days' where kind = 'restore'`;
  await objects.upload("files", "a", { text: "bytes" });
  await project.owner`select holdfast_private.repair_overwritten_metadata()`;
  assert.notDeepEqual(await wordsNow(project), WORDS);
});

sqlTest(
  "what a later restore puts has its words, also where an earlier one's upload comes late",
  async (project) => {
    const { objects, version, repository } = await given(project);
    const earlier = await RestoreWorker.begin(project);
    await earlier.recordIntent(version, true);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    await runEnds(project);
    await runBackup(project, repository);
    await objects.remove("files", "a");
    const later = await RestoreWorker.begin(project);
    await later.page();
    await objects.upload("files", "a", { text: "bytes" });
    // A minute passes before it commits: what is there is nobody's but its own.
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.notDeepEqual(await wordsNow(project), WORDS);
    await later.commit(await versionNow(project));
    assert.deepEqual(await wordsNow(project), { edition: "2" });
    await objects.upload("files", "a", { text: "bytes" });
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.deepEqual(await wordsNow(project), { edition: "2" }, "the later one's");
  },
);

sqlTest(
  "an upload of a cancelled restore that comes within minutes is repaired",
  async (project) => {
    const { objects, version } = await given(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.recordIntent(version, true);
    await runEnds(project);
    await objects.upload("files", "a", { text: "bytes" });
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.deepEqual(await wordsNow(project), WORDS);
  },
);

sqlTest(
  "a user's upload of the same bytes with another type is no upload that came late",
  async (project) => {
    const { objects, version } = await given(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.recordIntent(version, true);
    await runEnds(project);
    await objects.upload("files", "a", { text: "bytes", type: "image/avif" });
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.notDeepEqual(await wordsNow(project), WORDS);
  },
);

sqlTest("a row that a user wrote is not taken for an upload's", async (project) => {
  const { objects, version } = await given(project);
  const fallen = await RestoreWorker.begin(project);
  await fallen.recordIntent(version, true);
  await objects.upload("files", "a", { text: "bytes", userMetadata: { theirs: "yes" } });
  const sqlWorker = await RestoreWorker.next(project);
  const [{ target }] = await sqlWorker.page();
  assert.equal(target.of_this_run, false);
});
