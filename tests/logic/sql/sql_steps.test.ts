import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { copied, failed } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const OBJECTS = 10;
const MAX_ROWS = 3;

/** A project with stored objects. Each object has two entries. */
async function held(project: SqlProject) {
  const objects = new Objects(project.owner);
  const repository = new Repository();
  await objects.createBucket("files");
  for (const text of ["first", "second"]) {
    for (let at = 0; at < OBJECTS; at++) await objects.upload("files", `${at}`, { text });
    await runBackup(project, repository);
  }
  return { objects, repository };
}

/** A lease of an import of the backups' repository. */
async function importing({ owner, worker }: SqlProject) {
  await worker`select holdfast_private.start_import('test')`;
  const sqlWorker = crypto.randomUUID();
  // Runs as the owner. A worker knows only its own function's name.
  const [{ lease }] = await owner`
    select holdfast_private.lease_cursor(${sqlWorker},
      holdfast_private.function_of('import'), null, 0) as lease`;
  assert.ok(lease);
  await owner`
    update holdfast_private.runs set repository = (select id from holdfast_private.repositories)
    where id = ${lease.run}`;
  const cursor: string = lease.cursor;
  return {
    async close(covers: Record<string, string | null>): Promise<boolean> {
      const [{ done }] = await worker`
        select holdfast_private.import_close(${cursor}, ${sqlWorker}, 9, ${covers as never}::jsonb,
          ${MAX_ROWS}) as done`;
      return done;
    },
    async page(position: Record<string, string | number>): Promise<void> {
      await worker`select holdfast_private.import_page(${cursor}, ${sqlWorker}, 9, '[]',
        ${position as never}::jsonb)`;
    },
  };
}

const ALL = { after_bucket: "", after_name: "", to_bucket: null, to_name: null };

async function closedNames({ owner }: SqlProject): Promise<string[]> {
  const rows = await owner<{ name: string }[]>`
    select name from holdfast_private.entries where removed_in = 9 order by name`;
  return rows.map(({ name }) => name);
}

async function openNames({ owner }: SqlProject): Promise<string[]> {
  const rows = await owner<{ name: string }[]>`
    select name from holdfast_private.entries where removed_in is null order by name`;
  return rows.map(({ name }) => name);
}

sqlTest(
  "entries that a full listing lacks are closed in steps of a limited number of rows",
  async (project) => {
    await held(project);
    const run = await importing(project);
    let steps = 0;
    let before = 0;
    for (let done = false; !done; steps++) {
      done = await run.close(ALL);
      const closed = (await closedNames(project)).length;
      assert.ok(closed - before <= MAX_ROWS, `${closed - before} were closed in a step`);
      before = closed;
    }
    // Each name has two entries, of which one was open.
    assert.equal(steps, Math.floor(2 * OBJECTS / MAX_ROWS) + 1);
    assert.equal(before, OBJECTS);
    assert.deepEqual(await openNames(project), []);
  },
);

sqlTest(
  "a page closes only what it covers, and the next page starts anew",
  async (project) => {
    await held(project);
    const run = await importing(project);
    const first = { after_bucket: "", after_name: "", to_bucket: "files", to_name: "3" };
    while (!await run.close(first));
    assert.deepEqual(await closedNames(project), ["0", "1", "2", "3"]);
    assert.equal(await run.close(first), true, "a repeated call finds nothing");
    await run.page({ sequence: 9, part: 0, lines: 1, bucket_id: "files", name: "3" });
    const second = { after_bucket: "files", after_name: "3", to_bucket: "files", to_name: "5" };
    while (!await run.close(second));
    assert.deepEqual(await closedNames(project), ["0", "1", "2", "3", "4", "5"]);
    assert.deepEqual(await openNames(project), ["6", "7", "8", "9"]);
  },
);

sqlTest("unsealed work is discarded before the first entry is closed", async (project) => {
  const { objects, repository } = await held(project);
  await objects.upload("files", "unsealed", { text: "new" });
  const left = await runBackup(project, repository, {
    stopBefore: (lease) => lease.stage === "seal",
  });
  await project.worker`select holdfast_private.cancel_run(${left.run})`;
  const unsealed = async () =>
    (await project.owner`select from holdfast_private.entries where name = 'unsealed'`).length;
  assert.equal(await unsealed(), 1);
  const run = await importing(project);
  while (!await run.close(ALL));
  assert.equal(await unsealed(), 0);
  assert.equal((await closedNames(project)).length, OBJECTS);
});

sqlTest("totals are counted page by page and match the catalog", async (project) => {
  const objects = new Objects(project.owner);
  const repository = new Repository();
  await objects.createBucket("files");
  for (let at = 0; at < OBJECTS; at++) {
    await objects.upload("files", `${at}`, { text: "x".repeat(at + 1) });
  }
  const first = await runBackup(project, repository, { maxLines: MAX_ROWS });
  await assertTotals(project, first.snapshot!.totals);
  await objects.remove("files", "0");
  await objects.upload("files", "5", { text: "another" });
  await objects.upload("files", "new", { text: "new" });
  await objects.upload("files", "lost", { text: "lost" });
  const second = await runBackup(project, repository, {
    maxLines: 1,
    act: (item) => item.name === "lost" ? failed(item, "unavailable") : copied(item),
  });
  await assertTotals(project, second.snapshot!.totals);
  assert.equal(second.snapshot!.parts.filter(({ kind }) => kind === "changes").length, 4);
});

async function assertTotals({ owner }: SqlProject, totals: object): Promise<void> {
  const [counted] = await owner`
    select count(*)::int as objects, coalesce(sum(size), 0)::int as bytes,
      (count(*) filter (where assumed))::int as assumed
    from holdfast_private.known_entries where removed_in is null`;
  const { objects, bytes, assumed } = totals as Record<string, number>;
  assert.deepEqual({ objects, bytes, assumed }, { ...counted });
}
