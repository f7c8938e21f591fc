import { InvariantViolation } from "../invariants.ts";
import type { FaultProxy } from "../proxy/fault_proxy.ts";
import type { SimulatedProject } from "./project.ts";
import type { Post, Start, Workers } from "./workers.ts";

/**
 * The most minutes of a run after one crash: two until the lease expires, the others to continue.
 */
const MAX_MINUTES = 30;
/** Random faults end after so many minutes. */
const LAST_FAULTY_MINUTE = 40;
/** The most attempts to start a run; before the last one the servers recover. */
const MAX_STARTS = 5;
const MAX_STARTS_UNDER_FAULTS = 15;
/** Further attempts, because planned faults may also hit the start of a run. */
const PLANNED_FAULTS = 2;
/**
 * The most runs that may fail because of a server's fault. The next one must succeed, without
 * faults.
 */
const MAX_FAILED = 2;
/** The same with random faults; then the servers recover. */
const MAX_FAILED_UNDER_FAULTS = 15;

/** A run's row. */
export interface RunRow {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly result: Record<string, unknown> | null;
}

/**
 * Simulates what pg_cron and pg_net do in a project: minutes pass, posts are delivered, leases
 * expire.
 */
export class Scheduler {
  constructor(
    readonly project: SimulatedProject,
    readonly proxy: FaultProxy,
    readonly workers: Workers,
  ) {}

  /** Starts a run, with several attempts, and drives it to its end. */
  async run(start: Start): Promise<RunRow> {
    const before = await this.#newest();
    const most = this.proxy.randomFaults ? MAX_STARTS_UNDER_FAULTS : MAX_STARTS;
    for (let attempt = 1; attempt <= most + PLANNED_FAULTS; attempt++) {
      if (attempt === most) this.proxy.recover();
      this.workers.start(start);
      await this.drive();
      const run = await this.#newest();
      if (!run || run.id === before?.id || run.kind !== start.kind) continue;
      // The next tick repairs a restored object that a delayed write replaced.
      if (start.kind === "restore") await this.tick();
      return run;
    }
    throw new InvariantViolation("makes_progress", `no ${start.kind} could be started`);
  }

  /** Starts and drives a run that must succeed. */
  async succeed(start: Start): Promise<RunRow> {
    let run = await this.run(start);
    const most = this.proxy.randomFaults ? MAX_FAILED_UNDER_FAULTS : MAX_FAILED;
    for (let failed = 1; failed <= most && this.#mayHaveFailed(run); failed++) {
      if (failed === most) this.proxy.recover();
      run = await this.run(start);
      // Its log record was written, but the run failed first. The error's remedy is an import.
      if (run.code === "catalog_behind" && this.#mayHaveFailed(run)) {
        await this.succeed({ kind: "import" });
        run = await this.run(start);
      }
    }
    if (run.state === "succeeded") return run;
    throw new InvariantViolation(
      "makes_progress",
      `the ${run.kind} ended ${run.state}: ${run.code}, ${run.message}`,
    );
  }

  /** Whether a run was allowed to fail: only after a server's fault, and with an error code. */
  #mayHaveFailed({ state, code }: RunRow): boolean {
    return this.proxy.hadServerFault && state === "failed" && code !== null;
  }

  /** Lets minutes pass until no run is open and no worker is delayed. */
  async drive(): Promise<void> {
    await this.settle();
    // A resumed worker may start a run or have work left.
    do await this.#passMinutes(); while (await this.#wake());
  }

  async #passMinutes(): Promise<void> {
    const bad = this.proxy.randomFaults ? LAST_FAULTY_MINUTE : 0;
    for (let minute = 0; await this.#isOpen(); minute++) {
      if (minute >= bad + MAX_MINUTES) {
        throw new InvariantViolation(
          "makes_progress",
          `a run has not ended after ${MAX_MINUTES} minutes`,
        );
      }
      if (minute === LAST_FAULTY_MINUTE) this.proxy.recover();
      const before = this.proxy.steps.length;
      await this.tick();
      await this.settle();
      // No worker could continue: leases of crashed workers, and pauses, must expire first.
      if (this.proxy.steps.length === before) await this.expireLeases();
    }
  }

  /** Resumes delayed workers and lets a minute pass. Returns whether there were any. */
  async #wake(): Promise<boolean> {
    if (!this.proxy.wakeAll()) return false;
    await this.settle();
    await this.tick();
    await this.settle();
    return true;
  }

  /** Delivers posts until no worker is active and no post is queued. */
  async settle(): Promise<void> {
    do await this.workers.quiet(); while (await this.#deliver());
  }

  async tick(): Promise<void> {
    await this.project.sql.begin(async (sql) => {
      await sql`set local role postgres`;
      await sql`select holdfast_private.tick()`;
    });
    await this.project.sql.begin(async (sql) => {
      await sql`set local role postgres`;
      await sql`select holdfast_private.housekeeping()`;
    });
  }

  async expireLeases(): Promise<void> {
    await this.project.sql`
      update holdfast_private.cursors set lease_expires_at = clock_timestamp() - interval '1 second'
      where lease_expires_at is not null`;
    await this.project.sql`
      update holdfast_private.runs set paused_until = clock_timestamp() - interval '1 second'
      where paused_until is not null and state in ('running', 'sealing')`;
  }

  /** Ticks until the scratch buckets of failed runs are deleted. */
  async tidy(): Promise<void> {
    for (let minute = 0; await this.#isUntidy(); minute++) {
      if (minute >= MAX_MINUTES) {
        throw new InvariantViolation("makes_progress", "a scratch bucket was not deleted");
      }
      await this.tick();
      await this.settle();
    }
  }

  /** Ticks while random faults remain and scratch buckets of failed runs could not be deleted. */
  async tidyUnderFaults(): Promise<void> {
    for (let minute = 0; minute < LAST_FAULTY_MINUTE; minute++) {
      if (!this.proxy.randomFaults?.hasMore || !await this.#isUntidy()) return;
      await this.tick();
      await this.settle();
    }
  }

  /** Makes every recorded failure due for its next attempt. */
  async passDays(): Promise<void> {
    await this.project
      .sql`update holdfast_private.failures set next_at = now() - interval '1 second'`;
  }

  /** Starts a slice for each queued post. Returns whether there were any. */
  async #deliver(): Promise<boolean> {
    const posts = await this.project.sql<Post[]>`
      delete from net.http_request_queue
      returning url, headers, convert_from(body, 'utf8') as body`;
    for (const post of posts) {
      if (!post.url.startsWith(`${this.project.url}/`)) {
        throw new Error(`a post has an unexpected URL: ${post.url}`);
      }
      this.workers.take(post);
    }
    return posts.length > 0;
  }

  async #isOpen(): Promise<boolean> {
    const rows = await this.project.sql`
      select from holdfast_private.runs where state in ('running', 'sealing')`;
    return rows.length > 0;
  }

  async #isUntidy(): Promise<boolean> {
    const [row] = await this.project.sql<{ left: boolean }[]>`
      select holdfast_private.orphaned_scratch_buckets() <> '[]' as left`;
    return row!.left;
  }

  async #newest(): Promise<RunRow | undefined> {
    const [row] = await this.project.sql<RunRow[]>`
      select id, kind, state, code, message, result from holdfast_private.runs
      order by started_at desc, id limit 1`;
    return row;
  }
}
