import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";
import { RestoreWorker } from "./support/restore_worker.ts";

const USER_METADATA = { edition: "1" };

/** The tested columns of holdfast_private.overwrites. */
interface Overwrite {
  version: string;
  user_metadata: Record<string, string> | null;
  keeps: boolean;
  doubtful: boolean;
  put: string | null;
}

/** A project with a backup of one file with user metadata, and the file's version. */
async function createBackedUp(
  project: SqlProject,
): Promise<{ objects: Objects; version: string; repository: Repository }> {
  const objects = new Objects(project.owner);
  await objects.createBucket("files");
  await objects.upload("files", "a", { text: "bytes", userMetadata: USER_METADATA });
  const repository = new Repository();
  await runBackup(project, repository);
  return { objects, version: await versionNow(project), repository };
}

async function versionNow({ owner }: SqlProject): Promise<string> {
  const [{ version }] = await owner`select version from storage.objects`;
  return version;
}

/** Ends the running restore as cancelled one minute ago. */
async function endRun({ owner }: SqlProject): Promise<void> {
  await owner`
    update holdfast_private.runs set state = 'cancelled', ended_at = now() - interval '1 minute'
    where kind = 'restore' and state = 'running'`;
}

async function userMetadataNow({ owner }: SqlProject): Promise<unknown> {
  const [{ user_metadata }] = await owner`select user_metadata from storage.objects`;
  return user_metadata;
}

async function intents({ owner }: SqlProject): Promise<Overwrite[]> {
  const rows = await owner<Overwrite[]>`
    select version, metadata -> 'user_metadata' as user_metadata, keeps,
      doubtful_at is not null as doubtful, put
    from holdfast_private.overwrites`;
  return rows.map((row) => ({ ...row }));
}

sqlTest("a recorded intent is committed with its page", async (project) => {
  const { objects, version } = await createBackedUp(project);
  const sqlWorker = await RestoreWorker.begin(project);
  await sqlWorker.page();
  assert.equal(await sqlWorker.recordIntent(version, false), true);
  const written = {
    version,
    user_metadata: USER_METADATA,
    keeps: false,
    doubtful: false,
    put: null,
  };
  assert.deepEqual(await intents(project), [written]);
  await objects.upload("files", "a", { text: "bytes" });
  // `commit` requests the page again. A worker that continues does not: it has committed the page.
  await project.owner`update holdfast_private.overwrites set doubtful_at = null`;
  await sqlWorker.commit(await versionNow(project));
  assert.deepEqual((await intents(project)).map(({ doubtful }) => doubtful), [true]);
});

sqlTest(
  "a restore overwrites neither another version nor metadata that is in no snapshot",
  async (project) => {
    const { objects, version } = await createBackedUp(project);
    const sqlWorker = await RestoreWorker.begin(project);
    assert.equal(await sqlWorker.recordIntent(crypto.randomUUID(), true), false);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    assert.equal(await sqlWorker.recordIntent(version, false), false);
    assert.deepEqual(await intents(project), []);
    assert.equal(await sqlWorker.recordIntent(version, true), true, "the row keeps its metadata");
  },
);

sqlTest(
  "a second intent marks the row as doubtful and keeps its current metadata",
  async (project) => {
    const { objects, version } = await createBackedUp(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.recordIntent(version, true);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    await sqlWorker.recordIntent(version, true);
    const [again] = await intents(project);
    assert.deepEqual(again, {
      version,
      user_metadata: { edition: "2" },
      keeps: true,
      doubtful: true,
      put: null,
    });
    // The overwriting row is without user metadata. The first recorded intent takes precedence.
    await objects.upload("files", "a", { text: "bytes" });
    await sqlWorker.recordIntent(await versionNow(project), true);
    assert.deepEqual(await intents(project), [again]);
  },
);

sqlTest(
  "a crashed worker's upload is recognised by its row, and the row's metadata is restored",
  async (project) => {
    const { objects, version } = await createBackedUp(project);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    const crashed = await RestoreWorker.begin(project);
    await crashed.page();
    await crashed.recordIntent(version, true);
    await objects.upload("files", "a", { text: "bytes" });
    const sqlWorker = await RestoreWorker.next(project);
    const [{ target }] = await sqlWorker.page();
    const { intent_recorded, of_this_run } = target;
    assert.deepEqual([intent_recorded, of_this_run], [true, true]);
    const put = await versionNow(project);
    await sqlWorker.commit(put);
    assert.deepEqual(await userMetadataNow(project), { edition: "2" });
    const [{ doubtful, put: committed }] = await intents(project);
    assert.deepEqual([doubtful, committed], [true, put], "its own upload may still arrive");
  },
);

sqlTest("an intent without a committed upload stays unless no worker crashed", async (project) => {
  const { version } = await createBackedUp(project);
  const sqlWorker = await RestoreWorker.begin(project);
  await sqlWorker.recordIntent(version, true);
  await sqlWorker.commit();
  assert.deepEqual((await intents(project)).map(({ put }) => put), [version]);
});

sqlTest(
  "a user's later upload is not treated as the upload of an ended restore",
  async (project) => {
    const { objects, version } = await createBackedUp(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.recordIntent(version, true);
    await project.owner`
    update holdfast_private.runs set state = 'cancelled', started_at = now() - interval '3 days',
      ended_at = now() - interval '2 days' where kind = 'restore'`;
    await objects.upload("files", "a", { text: "bytes" });
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.notDeepEqual(await userMetadataNow(project), USER_METADATA);
  },
);

sqlTest(
  "a later restore's metadata are kept, also after a delayed upload of an earlier one",
  async (project) => {
    const { objects, version, repository } = await createBackedUp(project);
    const earlier = await RestoreWorker.begin(project);
    await earlier.recordIntent(version, true);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    await endRun(project);
    await runBackup(project, repository);
    await objects.remove("files", "a");
    const later = await RestoreWorker.begin(project);
    await later.page();
    await objects.upload("files", "a", { text: "bytes" });
    // One minute passes before the commit. The row belongs to this restore alone.
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.notDeepEqual(await userMetadataNow(project), USER_METADATA);
    await later.commit(await versionNow(project));
    assert.deepEqual(await userMetadataNow(project), { edition: "2" });
    await objects.upload("files", "a", { text: "bytes" });
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.deepEqual(
      await userMetadataNow(project),
      { edition: "2" },
      "the metadata of the later restore",
    );
  },
);

sqlTest(
  "an upload within minutes of its restore's cancellation is repaired",
  async (project) => {
    const { objects, version } = await createBackedUp(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.recordIntent(version, true);
    await endRun(project);
    await objects.upload("files", "a", { text: "bytes" });
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.deepEqual(await userMetadataNow(project), USER_METADATA);
  },
);

sqlTest(
  "a user's upload of the same bytes with another type is not a delayed upload",
  async (project) => {
    const { objects, version } = await createBackedUp(project);
    const sqlWorker = await RestoreWorker.begin(project);
    await sqlWorker.recordIntent(version, true);
    await endRun(project);
    await objects.upload("files", "a", { text: "bytes", type: "image/avif" });
    await project.owner`select holdfast_private.repair_overwritten_metadata()`;
    assert.notDeepEqual(await userMetadataNow(project), USER_METADATA);
  },
);

sqlTest("a row that a user wrote is not treated as the restore's upload", async (project) => {
  const { objects, version } = await createBackedUp(project);
  const crashed = await RestoreWorker.begin(project);
  await crashed.recordIntent(version, true);
  await objects.upload("files", "a", { text: "bytes", userMetadata: { theirs: "yes" } });
  const sqlWorker = await RestoreWorker.next(project);
  const [{ target }] = await sqlWorker.page();
  assert.equal(target.of_this_run, false);
});
