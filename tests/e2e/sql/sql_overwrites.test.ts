import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const WORDS = { edition: "1" };

/** A row of holdfast.overwrites, as far as it is looked at. */
interface Overwrite {
  version: string;
  user_metadata: Record<string, string> | null;
  keeps: boolean;
  doubtful: boolean;
  put: string | null;
}

type Page = {
  version: string;
  metadata: unknown;
  given_before: boolean;
  target: Record<string, unknown>;
}[];

/** One lane of a restore that is at its objects, by SQL alone. */
class RestoreLane {
  private constructor(
    private readonly project: SqlProject,
    private readonly cursor: string,
    private readonly owner: string,
  ) {}

  /** Begins a restore of the newest snapshot. */
  static async begin(project: SqlProject): Promise<RestoreLane> {
    const plan = { snapshot: "latest", dry_run: false, overwrite: "if-changed" };
    const [{ run }] = await project.worker`
      select holdfast.start_restore(${project.worker.json(plan)}, 'test') as run`;
    await project.owner`
      update holdfast.runs r set repository = s.repository, result = jsonb_build_object('sequence', s.sequence)
      from (select * from holdfast.snapshots order by sequence desc limit 1) s where r.id = ${run}`;
    await project.owner`delete from holdfast.cursors where run = ${run}`;
    await project.owner`
      insert into holdfast.cursors (run, stage, bucket_id) values (${run}, 'objects', 'files')`;
    return await RestoreLane.next(project);
  }

  /** Takes over from whoever had the lease. */
  static async next(project: SqlProject): Promise<RestoreLane> {
    await project.owner`update holdfast.cursors set lease_expires_at = now() - interval '1 second'`;
    const owner = crypto.randomUUID();
    const [{ cursor }] = await project.worker`
      select holdfast.lease_cursor(${owner}, 'holdfast-restore', null) ->> 'cursor' as cursor`;
    return new RestoreLane(project, cursor, owner);
  }

  async announce(version: string, keeps: boolean): Promise<boolean> {
    const [row] = await this.project.worker`
      select holdfast.restore_overwrites(${this.cursor}, ${this.owner}, 'files', 'a', ${version}, ${keeps}) as may`;
    return row.may;
  }

  async page(): Promise<Page> {
    const [{ page }] = await this.project.worker`
      select holdfast.restore_page(${this.cursor}, ${this.owner}, 10) as page`;
    return page;
  }

  /** Commits that the file was put, as this version, or that it was left alone. */
  async commit(restoredVersion?: string): Promise<void> {
    const [{ version, metadata }] = await this.page();
    const result = { bucket_id: "files", name: "a", version, metadata, blob: 1 };
    const results = [{ ...result, ...(restoredVersion && { restored_version: restoredVersion }) }];
    await this.project.worker`
      select holdfast.restore_commit(${this.cursor}, ${this.owner}, ${
      this.project.worker.json(results as never)
    }, 'a', '{}')`;
  }
}

/** A project with a backup of one file that says something, and its version. */
async function given(project: SqlProject): Promise<{ objects: Objects; version: string }> {
  const objects = new Objects(project.owner);
  await objects.createBucket("files");
  await objects.upload("files", "a", { text: "bytes", userMetadata: WORDS });
  await runBackup(project, new Repository());
  return { objects, version: await versionNow(project) };
}

async function versionNow({ owner }: SqlProject): Promise<string> {
  const [{ version }] = await owner`select version from storage.objects`;
  return version;
}

async function wordsNow({ owner }: SqlProject): Promise<unknown> {
  const [{ user_metadata }] = await owner`select user_metadata from storage.objects`;
  return user_metadata;
}

async function writtenDown({ owner }: SqlProject): Promise<Overwrite[]> {
  const rows = await owner<Overwrite[]>`
    select version, metadata -> 'user_metadata' as user_metadata, keeps,
      doubtful_at is not null as doubtful, put
    from holdfast.overwrites`;
  return rows.map((row) => ({ ...row }));
}

sqlTest("what is written down goes with its page", async (project) => {
  const { objects, version } = await given(project);
  const lane = await RestoreLane.begin(project);
  await lane.page();
  assert.equal(await lane.announce(version, false), true);
  const written = { version, user_metadata: WORDS, keeps: false, doubtful: false, put: null };
  assert.deepEqual(await writtenDown(project), [written]);
  await objects.upload("files", "a", { text: "bytes" });
  // Not by `commit`, which asks for the page again: so does a lane that goes on, and it has committed.
  await project.owner`update holdfast.overwrites set doubtful_at = null`;
  await lane.commit(await versionNow(project));
  assert.deepEqual((await writtenDown(project)).map(({ doubtful }) => doubtful), [true]);
});

sqlTest(
  "another version is not written over, nor one that says what no snapshot holds",
  async (project) => {
    const { objects, version } = await given(project);
    const lane = await RestoreLane.begin(project);
    assert.equal(await lane.announce(crypto.randomUUID(), true), false);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    assert.equal(await lane.announce(version, false), false);
    assert.deepEqual(await writtenDown(project), []);
    assert.equal(await lane.announce(version, true), true, "its row goes on to say that");
  },
);

sqlTest(
  "who announces again has an upload that may still come, and the row's own words",
  async (project) => {
    const { objects, version } = await given(project);
    const lane = await RestoreLane.begin(project);
    await lane.announce(version, true);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    await lane.announce(version, true);
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
    await lane.announce(await versionNow(project), true);
    assert.deepEqual(await writtenDown(project), [again]);
  },
);

sqlTest(
  "what a fallen lane put is known by its row, and the row says again what it said",
  async (project) => {
    const { objects, version } = await given(project);
    await objects.setUserMetadata("files", "a", { edition: "2" });
    const fallen = await RestoreLane.begin(project);
    await fallen.page();
    await fallen.announce(version, true);
    await objects.upload("files", "a", { text: "bytes" });
    const lane = await RestoreLane.next(project);
    const [{ target }] = await lane.page();
    const { announced, of_this_run } = target;
    assert.deepEqual([announced, of_this_run], [true, true]);
    const put = await versionNow(project);
    await lane.commit(put);
    assert.deepEqual(await wordsNow(project), { edition: "2" });
    const [{ doubtful, put: committed }] = await writtenDown(project);
    assert.deepEqual([doubtful, committed], [true, put], "its own upload may still come");
  },
);

sqlTest("what was not put at last may still come, unless nobody fell", async (project) => {
  const { version } = await given(project);
  const lane = await RestoreLane.begin(project);
  await lane.announce(version, true);
  await lane.commit();
  assert.deepEqual((await writtenDown(project)).map(({ put }) => put), [version]);
});

sqlTest("what a restore never did is not put to a user's account later", async (project) => {
  const { objects, version } = await given(project);
  const lane = await RestoreLane.begin(project);
  await lane.announce(version, true);
  await project.owner`
    update holdfast.runs set state = 'cancelled', started_at = now() - interval '3 days',
      ended_at = now() - interval '2 days' where kind = 'restore'`;
  await objects.upload("files", "a", { text: "bytes" });
  await project.owner`select holdfast.mend_overwrites()`;
  assert.notDeepEqual(await wordsNow(project), WORDS);
});

sqlTest("an upload of a cancelled restore that comes within minutes is mended", async (project) => {
  const { objects, version } = await given(project);
  const lane = await RestoreLane.begin(project);
  await lane.announce(version, true);
  await project.owner`
    update holdfast.runs set state = 'cancelled', ended_at = now() - interval '1 minute'
    where kind = 'restore'`;
  await objects.upload("files", "a", { text: "bytes" });
  await project.owner`select holdfast.mend_overwrites()`;
  assert.deepEqual(await wordsNow(project), WORDS);
});

sqlTest(
  "what is made while a restore runs is its own only where a lane was given it before",
  async (project) => {
    const { objects } = await given(project);
    await objects.remove("files", "a");
    const lane = await RestoreLane.begin(project);
    await objects.upload("files", "a", { text: "bytes" });
    await project.owner`update storage.objects set owner = null, owner_id = null`;
    const [first] = await lane.page();
    assert.deepEqual([first!.given_before, first!.target.of_this_run], [false, false]);
    // The lane falls before it commits: what is there may be what it put.
    const [second] = await (await RestoreLane.next(project)).page();
    assert.deepEqual([second!.given_before, second!.target.of_this_run], [true, true]);
  },
);

sqlTest("a row that a user wrote is not taken for an upload's", async (project) => {
  const { objects, version } = await given(project);
  const fallen = await RestoreLane.begin(project);
  await fallen.announce(version, true);
  await objects.upload("files", "a", { text: "bytes", userMetadata: { theirs: "yes" } });
  const lane = await RestoreLane.next(project);
  const [{ target }] = await lane.page();
  assert.equal(target.of_this_run, false);
});
