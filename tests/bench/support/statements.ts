/** The time that Postgres spent on the statements of workers, from pg_stat_statements. */
import type { Connection } from "../../../stack/postgres/connection.ts";

/** A statement and the time of all its executions. */
export interface Statement {
  readonly query: string;
  readonly calls: number;
  readonly ms: number;
}

/** Resets the statistics. */
export async function resetStatements(sql: Connection): Promise<void> {
  await sql`select extensions.pg_stat_statements_reset()`;
}

/** The statements that workers sent since the last reset, with planning, slowest first. */
export async function workerStatements(sql: Connection): Promise<Statement[]> {
  return await sql<Statement[]>`
    select s.query, s.calls::float8 as calls, s.total_plan_time + s.total_exec_time as ms
    from extensions.pg_stat_statements s
    where s.userid = 'holdfast_worker'::regrole
      and s.dbid = (select oid from pg_database where datname = current_database())
    order by ms desc`;
}
