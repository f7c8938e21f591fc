import { type Stack, startStack } from "../../../stack/stack.ts";
import { Random } from "../../simulation/run/random.ts";
import { SnapshotChecks } from "../checks/snapshots.ts";
import { WrittenOnce } from "../checks/written_once.ts";
import { importOtherProject } from "../jobs/import_other_project.ts";
import { cancel, kill } from "../jobs/chaos.ts";
import { restoreOtherProject } from "../jobs/restore_other_project.ts";
import { restoreInPlace } from "../jobs/restore_in_place.ts";
import { openRun } from "../jobs/runs.ts";
import { ReferenceModel } from "../model/reference_model.ts";
import { Users } from "../users/users.ts";
import { HeapWatch } from "../environment/heap.ts";
import { SoakProject } from "../environment/soak_project.ts";
import { delay } from "../../../stack/delay.ts";
import { Ticker } from "../environment/ticker.ts";
import { FaultSchedule } from "../environment/random_faults.ts";
import { type Passed } from "../environment/fault_proxy.ts";
import { checkAtRest, finish } from "./finish.ts";
import type { Journal } from "./journal.ts";
import { repeat, together } from "./loops.ts";
import type { SoakOptions } from "./options.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** The length of the periods whose heap levels are compared. */
const PERIOD_MILLISECONDS = 10 * MINUTE;

/** A live project and another one, under random faults, with the reference model and the checks. */
export class Soak implements AsyncDisposable {
  readonly model = new ReferenceModel();
  readonly heap = new HeapWatch();
  readonly #random: Random;
  #pauseBackups = false;

  private constructor(
    readonly options: SoakOptions,
    readonly journal: Journal,
    readonly randomFaults: FaultSchedule,
    readonly source: SoakProject,
    readonly other: SoakProject,
    readonly writtenOnce: WrittenOnce,
    private readonly disposal: AsyncDisposableStack,
  ) {
    this.#random = new Random(options.seed + 100);
    this.users = new Users(source, this.model, options.seed);
    this.checks = new SnapshotChecks(source, this.model, journal, () => this.users.recorded());
  }

  readonly users: Users;
  readonly checks: SnapshotChecks;

  /** Starts the servers and both projects; nothing is active yet. */
  static async start(options: SoakOptions, journal: Journal): Promise<Soak> {
    await using disposal = new AsyncDisposableStack();
    const stack: Stack = disposal.use(await startStack());
    const randomFaults = new FaultSchedule(options.seed + 200, options.faults / 100);
    const writtenOnce = new WrittenOnce(journal);
    const repository = await stack.createRepositoryBucket();
    const restoring = { now: () => false };
    const watchSource = (receiver: "storage" | "s3", request: Passed) => {
      if (receiver === "s3") writtenOnce.passed(request);
      else if (!restoring.now()) checkUntouched(request, journal);
    };
    const source = disposal.use(
      await SoakProject.start(stack, "source", repository, randomFaults, watchSource),
    );
    const readOnly = stack.repositoryBucket(repository.bucket, { permissions: "read" });
    const other = disposal.use(
      await SoakProject.start(stack, "other", readOnly, randomFaults, (receiver, request) => {
        if (receiver === "s3") writtenOnce.passed(request);
      }),
    );
    const soak = new Soak(
      options,
      journal,
      randomFaults,
      source,
      other,
      writtenOnce,
      disposal.move(),
    );
    restoring.now = () => soak.#pauseBackups;
    return soak;
  }

  /** Runs all activities for the given time, or until the signal aborts. */
  async run(interrupted: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), this.options.minutes * MINUTE);
    interrupted.addEventListener("abort", () => ending.abort());
    if (interrupted.aborted) ending.abort();
    const ticking = new AbortController();
    await this.users.open();
    await this.source.sql`select holdfast.schedule('* * * * *', ${this.source.outerUrl})`;
    this.randomFaults.paused = false;
    const tickers = [this.source, this.other].map((project, number) =>
      new Ticker(project, new Random(this.options.seed + 300 + number)).work(ticking.signal)
    );
    try {
      const stop = new AbortController();
      const signal = AbortSignal.any([ending.signal, stop.signal]);
      await together(stop, [...tickers, this.#act(signal, ticking)]);
    } finally {
      clearTimeout(timer);
      ending.abort();
      ticking.abort();
    }
  }

  /** Runs users, jobs and checks, and then the checks that need an idle project. */
  async #act(signal: AbortSignal, ticking: AbortController): Promise<void> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    try {
      await together(stop, [
        this.users.work(both),
        this.#schedule(both),
        this.#chaos(both),
        this.#otherProject(both),
        repeat(both, () => SECOND, () => this.checks.checkNew()),
        repeat(both, () => SECOND / 2, () => this.heap.look(this.source)),
        this.#periods(both),
      ]);
      this.randomFaults.paused = true;
      await finish(this);
    } finally {
      ticking.abort();
    }
  }

  /** Starts scheduled backups, and sometimes a restore into the project instead. */
  async #schedule(signal: AbortSignal): Promise<void> {
    const random = new Random(this.options.seed + 400);
    await repeat(signal, () => random.between(3, 8) * SECOND, async () => {
      if (!random.chance(0.06)) return await this.source.fire("holdfast backup");
      this.#pauseBackups = true;
      const { source, users, checks, journal } = this;
      await journal.guard(() => restoreInPlace(source, users, checks, random, journal));
      this.#pauseBackups = false;
    });
  }

  async #chaos(signal: AbortSignal): Promise<void> {
    const random = this.#random;
    await repeat(signal, () => random.between(5, 25) * SECOND, async () => {
      const { source, journal } = this;
      await journal.guard(async () => {
        // Waits for a run, so that most kills hit an active process.
        for (let tries = 0; tries < 20 && !await openRun(source); tries++) await delay(200, signal);
        await (random.chance(0.15) ? cancel(source, journal) : kill(source, random, journal));
      });
    });
  }

  async #otherProject(signal: AbortSignal): Promise<void> {
    const random = new Random(this.options.seed + 500);
    await repeat(signal, () => random.between(10, 30) * SECOND, async () => {
      const { other, checks, journal } = this;
      await journal.guard(() =>
        random.chance(0.35)
          ? importOtherProject(other, checks, random, journal)
          : restoreOtherProject(other, checks, random, journal)
      );
    });
  }

  /** Every ten minutes reports the heap's level and checks everything that was written. */
  async #periods(signal: AbortSignal): Promise<void> {
    let begun = performance.now();
    await repeat(signal, () => PERIOD_MILLISECONDS, async () => {
      this.#reportHeap();
      await checkAtRest(this);
      begun = performance.now();
    });
    // The last period, if it was almost complete.
    if (performance.now() - begun > 0.9 * PERIOD_MILLISECONDS) this.#reportHeap();
  }

  #reportHeap(): void {
    const level = this.heap.take();
    if (!level) return;
    const { median, most, peaks } = level;
    this.journal.say(
      `heap of slices at its peak: ${median.toFixed(1)} MB (median of ${peaks.length} isolates), ` +
        `${most.toFixed(1)} at most`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disposal.disposeAsync();
  }
}

/** Checks that a backup only reads. Deleting scratch buckets of earlier restores is allowed. */
function checkUntouched({ method, path }: Passed, journal: Journal): void {
  if (method === "GET" || method === "HEAD" || path.includes("/bucket/holdfast-")) return;
  journal.break("source_untouched", `${method} ${path}`);
}
