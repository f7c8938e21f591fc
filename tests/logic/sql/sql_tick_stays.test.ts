import assert from "node:assert/strict";
import type postgres from "postgres";
import { eventually } from "../../support/eventually.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";

const URL = "https://project.example.com";

type Step = (sql: postgres.ISql) => Promise<unknown>;
const start: Step = (sql) => sql`select holdfast_private.start_backup('test')`;
const tick: Step = (sql) => sql`select holdfast_private.tick()`;
const unschedule: Step = (sql) => sql`select holdfast.unschedule()`;
const schedule: Step = (sql) => sql`select holdfast.schedule('0 2 * * *', ${URL})`;

sqlTest(
  "a tick without work keeps the tick of a run that starts meanwhile",
  async (project) => {
    await idle(project);
    await whileUncommitted(project, start, tick);
    assert.ok(await hasTick(project));
    await project
      .owner`select holdfast_private.cancel_run(id) from holdfast_private.runs where state = 'running'`;
    await tick(project.owner);
    assert.ok(!await hasTick(project), "the tick was not unscheduled: nothing is tested");
  },
);

sqlTest("a run that starts while the tick unschedules itself has a tick", async (project) => {
  await idle(project);
  await whileUncommitted(project, tick, start);
  assert.ok(await hasTick(project));
});

for (
  const [name, first, second] of [["before", start, unschedule], [
    "after",
    unschedule,
    start,
  ]] as const
) {
  sqlTest(`a run that starts just ${name} the schedule is removed has a tick`, async (project) => {
    await schedule(project.owner);
    await whileUncommitted(project, first, second);
    assert.ok(await hasTick(project));
  });
}

for (const [first, second] of [[schedule, tick], [tick, schedule]] as const) {
  sqlTest(
    `a schedule created ${
      first === tick ? "after" : "before"
    } a tick that unschedules itself keeps its tick`,
    async (project) => {
      await idle(project);
      await whileUncommitted(project, first, second);
      assert.ok(await hasTick(project));
    },
  );
}

sqlTest("a backup that starts to wait while the other run ends has a tick", async (project) => {
  await project.owner`select holdfast_private.start_backup('test')`;
  await project.admin.begin(async (waiting) => {
    const [{ id }] = await waiting`select holdfast_private.start_or_wait('schedule') as id`;
    assert.equal(id, null);
    await project
      .owner`select holdfast_private.cancel_run(id) from holdfast_private.runs where state = 'running'`;
    await tick(project.owner);
  });
  assert.ok(await hasTick(project));
});

/** A project without a run or a schedule. The tick has not detected this yet. */
async function idle({ owner }: SqlProject): Promise<void> {
  await start(owner);
  await owner`select holdfast_private.cancel_run(id) from holdfast_private.runs where state = 'running'`;
}

/**
 * Starts the second step before the first one commits. The second step may wait for that commit.
 */
async function whileUncommitted(project: SqlProject, first: Step, second: Step): Promise<void> {
  let later: Promise<unknown> | undefined;
  let done = false;
  await project.admin.begin(async (sql) => {
    await first(sql);
    later = second(project.owner).then(() => done = true);
    await eventually("the second step", async () => done || await hasLockWaiter(sql));
  });
  await later;
}

async function hasLockWaiter(sql: postgres.ISql): Promise<boolean> {
  const waiting = await sql`
    select from pg_locks l where not l.granted
      and l.pid in (select pid from pg_stat_activity where datname = current_database())`;
  return waiting.length > 0;
}

async function hasTick({ owner }: SqlProject): Promise<boolean> {
  const rows = await owner`
    select jobname from cron.job where jobname in ('holdfast tick', 'holdfast housekeeping')`;
  assert.ok(rows.length !== 1, "the tick and housekeeping are scheduled together");
  return rows.length > 0;
}
