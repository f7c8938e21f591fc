import postgres from "postgres";
import { connect, type Connection } from "./connection.ts";

/** A row of cron.job. */
export interface CronJob {
  jobid: string;
  jobname: string | null;
  schedule: string;
  command: string;
  database: string;
  username: string;
}

/** Runs jobs, each in a separate connection. Runs of the same job do not overlap. */
export class JobRunner {
  #sql: Connection;
  #adminUrl: string;
  #lastRun = new Map<string, Promise<void>>();
  #lastStart = new Map<string, number>();
  #running = new Set<number>();
  #stopped = false;

  /** @param sql records the runs @param adminUrl the database in which the jobs run */
  constructor(sql: Connection, adminUrl: string) {
    this.#sql = sql;
    this.#adminUrl = adminUrl;
  }

  /** Seconds since the last start of this job; Infinity if it never started. */
  secondsSinceStart(job: CronJob): number {
    return (performance.now() - (this.#lastStart.get(job.jobid) ?? -Infinity)) / 1000;
  }

  /** Runs the job when its earlier runs have ended. Resolves when this run is recorded. */
  run(job: CronJob): Promise<void> {
    this.#lastStart.set(job.jobid, performance.now());
    const earlier = this.#lastRun.get(job.jobid) ?? Promise.resolve();
    const run = earlier.then(() => this.#runOnce(job));
    const settled = run.catch(() => undefined);
    this.#lastRun.set(job.jobid, settled);
    return run;
  }

  /** Runs the job without waiting. If the run can't be recorded, it is abandoned. */
  enqueue(job: CronJob): void {
    this.run(job).catch(() => undefined);
  }

  /** Cancels the running jobs and waits until they have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const pid of this.#running) {
      await this.#sql`select pg_cancel_backend(${pid})`.catch(() => undefined);
    }
    await Promise.all(this.#lastRun.values());
  }

  async #runOnce(job: CronJob) {
    if (this.#stopped) return;
    await using session = connect(this.#adminUrl, { prepare: false });
    const [{ pid }] = await session<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const [{ runid }] = await this.#sql<{ runid: string }[]>`
      insert into cron.job_run_details
        (jobid, job_pid, database, username, command, status, start_time)
      values (${job.jobid}, ${pid}, ${job.database}, ${job.username}, ${job.command},
        'running', clock_timestamp())
      returning runid`;
    this.#running.add(pid);
    const { status, message } = await execute(session, job);
    this.#running.delete(pid);
    await this.#sql`
      update cron.job_run_details
      set status = ${status}, return_message = ${message}, end_time = clock_timestamp()
      where runid = ${runid}`;
  }
}

interface Outcome {
  status: "succeeded" | "failed";
  message: string;
}

async function execute(session: Connection, job: CronJob): Promise<Outcome> {
  try {
    await becomeRole(session, job.username);
    const results = await session.unsafe(job.command).simple();
    // Several statements give a list of results. pg_cron records the last one.
    const last = Array.isArray(results[0]) ? results[results.length - 1] : results;
    return { status: "succeeded", message: completion(last as Completion) };
  } catch (error) {
    return { status: "failed", message: describeError(error) };
  }
}

/** Changes the session to a role, with the settings of a new connection of that role. */
async function becomeRole(session: Connection, role: string) {
  const settings = await session<{ name: string; value: string }[]>`
    select split_part(setting, '=', 1) as name,
      substr(setting, strpos(setting, '=') + 1) as value
    from pg_db_role_setting s
    join pg_roles r on r.oid = s.setrole
    cross join unnest(s.setconfig) as setting
    where r.rolname = ${role}
      and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
    order by s.setdatabase`;
  await session`select set_config('search_path', '"$user", public', false)`;
  for (const { name, value } of settings) {
    await session`select set_config(${name}, ${value}, false)`;
  }
  await session`set session authorization ${session(role)}`;
}

/** The used fields of a postgres.js result. Its types allow only one statement in a query. */
interface Completion {
  command: string;
  count: number | null;
  columns?: unknown[];
}

/** pg_cron's message for a success: the number of rows, or the command tag. */
function completion({ command, count, columns }: Completion): string {
  if (columns !== undefined) return count === 1 ? "1 row" : `${count ?? 0} rows`;
  if (command === "INSERT") return `INSERT 0 ${count}`;
  return ["UPDATE", "DELETE", "MERGE", "COPY"].includes(command) ? `${command} ${count}` : command;
}

/** Formats an error as psql does, which is what pg_cron records. */
function describeError(error: unknown): string {
  if (!(error instanceof postgres.PostgresError)) {
    return error instanceof Error ? error.message : String(error);
  }
  const lines = [`${error.severity_local}:  ${error.message}`];
  if (error.detail) lines.push(`DETAIL:  ${error.detail}`);
  if (error.hint) lines.push(`HINT:  ${error.hint}`);
  if (error.where) lines.push(`CONTEXT:  ${error.where}`);
  return lines.join("\n") + "\n";
}
