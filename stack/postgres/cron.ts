import { connect, type Connection } from "./connection.ts";
import { parseSchedule, startOfMinute } from "./cron_schedule.ts";
import { type CronJob, JobRunner } from "./cron_run.ts";

/** The launcher of the stand-in for pg_cron, for one database. */
export interface CronLauncher extends AsyncDisposable {
  /**
   * Runs jobs immediately, and resolves when their runs are recorded. With a name, it runs that
   * job, also if it is inactive or belongs to another role. Without a name, it runs every active
   * job that is due in the minute of `at`, now by default.
   *
   * @throws Error if no job has this name.
   */
  fire(jobname?: string, at?: Date): Promise<void>;
  /** Cancels running jobs and closes every connection. */
  stop(): Promise<void>;
}

export interface CronOptions {
  /** Connects as a superuser to the database with the jobs. */
  adminUrl: string;
  /** False to run jobs only when `fire` is called. With the real pg_cron it has no effect. */
  automatic?: boolean;
}

const TICK_MILLISECONDS = 1000;

/** pg_cron catches up on at most this many missed minutes. */
const CATCH_UP_MINUTES = 5;

/**
 * Starts to run the jobs of a database that has the stand-in for pg_cron (sql/cron.sql).
 *
 * Like the real one it runs a job as the role that scheduled it, one run of a job at a time, and
 * records each run in cron.job_run_details. If the database has the real pg_cron, it only adds
 * `fire`, so that tests need not wait for the next minute.
 */
export async function startCron(options: CronOptions): Promise<CronLauncher> {
  const sql = connect(options.adminUrl);
  const runner = new JobRunner(sql, options.adminUrl);
  const isReal = await hasPgCron(sql);
  if (!isReal) await abandonRuns(sql);
  const automatic = !isReal && options.automatic !== false;
  const ticker = automatic ? startTicker(sql, runner) : undefined;

  async function fire(jobname?: string, at = new Date()) {
    const jobs = jobname === undefined
      ? (await activeJobs(sql)).filter((job) => isDueInMinute(job, at))
      : await jobsNamed(sql, jobname);
    await Promise.all(jobs.map((job) => runner.run(job)));
  }

  async function stop() {
    await ticker?.stop();
    await runner.stop();
    await sql.end({ timeout: 5 });
  }
  return { fire, stop, [Symbol.asyncDispose]: stop };
}

/** Starts the due jobs every second. */
function startTicker(sql: Connection, runner: JobRunner) {
  let lastMinute = startOfMinute(new Date());
  let starting: Promise<void> = Promise.resolve();
  let busy = false;

  async function startDueJobs() {
    const now = new Date();
    const minutes = minutesToRun(lastMinute, now);
    const jobs = await activeJobs(sql);
    lastMinute = startOfMinute(now);
    for (const job of jobs) {
      const schedule = parseSchedule(job.schedule);
      const runs = schedule.kind === "minutes"
        ? minutes.filter((minute) => schedule.isDue(minute)).length
        : Number(runner.secondsSinceStart(job) >= schedule.seconds);
      for (let run = 0; run < runs; run++) runner.enqueue(job);
    }
  }
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    // The server may be down or restarting. A later tick catches up on the missed minutes.
    starting = startDueJobs().catch(() => undefined).finally(() => busy = false);
  }, TICK_MILLISECONDS);
  return {
    async stop() {
      clearInterval(timer);
      await starting;
    },
  };
}

/** The minutes after `last` up to the one of `now`, limited to the latest CATCH_UP_MINUTES. */
function minutesToRun(last: Date, now: Date): Date[] {
  const current = startOfMinute(now);
  const passed = (current.getTime() - last.getTime()) / 60_000;
  if (passed <= 0) return [];
  if (passed > CATCH_UP_MINUTES) return [current];
  return Array.from({ length: passed }, (_, i) => new Date(last.getTime() + (i + 1) * 60_000));
}

function isDueInMinute(job: CronJob, at: Date): boolean {
  const schedule = parseSchedule(job.schedule);
  return schedule.kind === "seconds" || schedule.isDue(at);
}

function activeJobs(sql: Connection): Promise<CronJob[]> {
  return sql<CronJob[]>`
    select jobid, jobname, schedule, command, database, username
    from cron.job where active order by jobid`;
}

async function jobsNamed(sql: Connection, jobname: string): Promise<CronJob[]> {
  const jobs = await sql<CronJob[]>`
    select jobid, jobname, schedule, command, database, username
    from cron.job where jobname = ${jobname} order by jobid`;
  if (jobs.length === 0) throw new Error(`there is no job named ${jobname}`);
  return jobs;
}

async function hasPgCron(sql: Connection): Promise<boolean> {
  return (await sql`select from pg_extension where extname = 'pg_cron'`).length > 0;
}

/** Marks runs of an earlier launcher as failed, as the real pg_cron does. */
async function abandonRuns(sql: Connection) {
  await sql`
    update cron.job_run_details
    set status = 'failed', return_message = 'server restarted'
    where status in ('starting', 'running')`;
}
