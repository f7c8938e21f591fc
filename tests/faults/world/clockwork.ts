import { BrokenPromise } from "../promises.ts";
import type { Door } from "../door/door.ts";
import type { FaultsProject } from "./project.ts";
import type { Post, Start, Workers } from "./workers.ts";

/** So many minutes may a run take after one crash: two for the lease, the others to go on. */
const MAX_MINUTES = 30;
/** Bad weather is over by then. */
const LAST_BAD_MINUTE = 40;
/** So often may the asking for a run fail; the weather is good from the last on. */
const MAX_STARTS = 5;
const MAX_STARTS_IN_WEATHER = 15;
/** In good weather, too, what was chosen to go wrong may strike the asking. */
const CHOSEN_FAULTS = 2;
/** So many runs may fail because a server was not well; the next one must succeed, in good weather. */
const MAX_FAILED = 2;
/** The same while the weather is bad; then it clears up. */
const MAX_FAILED_IN_WEATHER = 15;

/** A run as its row says. */
export interface RunRow {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly result: Record<string, unknown> | null;
}

/** What passes time in a project: pg_cron's minutes, pg_net's posts, and leases that run out. */
export class Clockwork {
  constructor(
    readonly project: FaultsProject,
    readonly door: Door,
    readonly workers: Workers,
  ) {}

  /** Starts a run, until there is one, and drives it to its end. */
  async run(start: Start): Promise<RunRow> {
    const before = await this.#newest();
    const most = this.door.weather ? MAX_STARTS_IN_WEATHER : MAX_STARTS;
    for (let attempt = 1; attempt <= most + CHOSEN_FAULTS; attempt++) {
      if (attempt === most) this.door.clearUp();
      this.workers.start(start);
      await this.drive();
      const run = await this.#newest();
      if (!run || run.id === before?.id || run.kind !== start.kind) continue;
      // What came late over a restored object is mended in the next minute.
      if (start.kind === "restore") await this.tick();
      return run;
    }
    throw new BrokenPromise("goes_on", `no ${start.kind} could be started`);
  }

  /** The same for a run that must succeed. */
  async succeed(start: Start): Promise<RunRow> {
    let run = await this.run(start);
    const most = this.door.weather ? MAX_FAILED_IN_WEATHER : MAX_FAILED;
    for (let failed = 1; failed <= most && this.#mayHaveFailed(run); failed++) {
      if (failed === most) this.door.clearUp();
      run = await this.run(start);
      // Its record was written and its run failed before it knew: the remedy says to import.
      if (run.code === "catalog_behind" && this.#mayHaveFailed(run)) {
        await this.succeed({ kind: "import" });
        run = await this.run(start);
      }
    }
    if (run.state === "succeeded") return run;
    throw new BrokenPromise(
      "goes_on",
      `the ${run.kind} ended ${run.state}: ${run.code}, ${run.message}`,
    );
  }

  /** What lanes do must fail no run; what servers answer may, if it was told. */
  #mayHaveFailed({ state, code }: RunRow): boolean {
    return this.door.wasUnwell && state === "failed" && code !== null;
  }

  /** Lets minutes pass until no run is left to work on, and nobody sleeps. */
  async drive(): Promise<void> {
    await this.settle();
    // Whoever wakes may start a run, or have work left.
    do await this.#passMinutes(); while (await this.#wake());
  }

  async #passMinutes(): Promise<void> {
    const bad = this.door.weather ? LAST_BAD_MINUTE : 0;
    for (let minute = 0; await this.#isOpen(); minute++) {
      if (minute >= bad + MAX_MINUTES) {
        throw new BrokenPromise("goes_on", `a run has not ended after ${MAX_MINUTES} minutes`);
      }
      if (minute === LAST_BAD_MINUTE) this.door.clearUp();
      const before = this.door.steps.length;
      await this.tick();
      await this.settle();
      // Nobody could go on: the leases of those that died, and pauses, must run out first.
      if (this.door.steps.length === before) await this.expireLeases();
    }
  }

  /** Wakes who sleeps, until they are quiet, and lets a minute pass; whether anybody slept. */
  async #wake(): Promise<boolean> {
    if (!this.door.wakeAll()) return false;
    await this.settle();
    await this.tick();
    await this.settle();
    return true;
  }

  /** Delivers what was posted, until all lanes are quiet and nothing more is. */
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

  /** Lets the tick have removed what runs left that failed. */
  async tidy(): Promise<void> {
    for (let minute = 0; await this.#isUntidy(); minute++) {
      if (minute >= MAX_MINUTES) throw new BrokenPromise("goes_on", "a scratch bucket is left");
      await this.tick();
      await this.settle();
    }
  }

  /** Lets so much time pass that all that could not be had is tried again. */
  async passDays(): Promise<void> {
    await this.project
      .sql`update holdfast_private.failures set next_at = now() - interval '1 second'`;
  }

  /** Begins a slice for each post that waits; whether there was any. */
  async #deliver(): Promise<boolean> {
    const posts = await this.project.sql<Post[]>`
      delete from net.http_request_queue
      returning url, headers, convert_from(body, 'utf8') as body`;
    for (const post of posts) {
      if (!post.url.startsWith(`${this.project.url}/`)) {
        throw new Error(`a post went astray: ${post.url}`);
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
      select holdfast_private.left_scratch_buckets() <> '[]' as left`;
    return row!.left;
  }

  async #newest(): Promise<RunRow | undefined> {
    const [row] = await this.project.sql<RunRow[]>`
      select id, kind, state, code, message, result from holdfast_private.runs
      order by started_at desc, id limit 1`;
    return row;
  }
}
