import { type Stack, startStack } from "../../stack/stack.ts";
import { Random } from "../../faults/run/random.ts";
import { SnapshotChecks } from "../checks/snapshots.ts";
import { WrittenOnce } from "../checks/written_once.ts";
import { importElsewhere } from "../jobs/import_elsewhere.ts";
import { cancel, kill } from "../jobs/mischief.ts";
import { restoreElsewhere } from "../jobs/restore_elsewhere.ts";
import { restoreHere } from "../jobs/restore_here.ts";
import { openRun } from "../jobs/runs.ts";
import { Truth } from "../model/truth.ts";
import { Users } from "../users/users.ts";
import { HeapWatch } from "../world/heap.ts";
import { SoakProject } from "../world/soak_project.ts";
import { delay } from "../../stack/delay.ts";
import { Ticker } from "../world/ticker.ts";
import { Weather } from "../world/weather.ts";
import { type Passed } from "../world/weather_door.ts";
import { checkAtRest, finish } from "./finish.ts";
import type { Ledger } from "./ledger.ts";
import { repeat, together } from "./loops.ts";
import type { SoakOptions } from "./options.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** So long are the stretches of time whose heap levels are compared. */
const STRETCH_MILLISECONDS = 10 * MINUTE;

/** A live project and one beside it, in the weather, and what is known of them. */
export class Soak implements AsyncDisposable {
  readonly truth = new Truth();
  readonly heap = new HeapWatch();
  readonly #random: Random;
  #holdBackups = false;

  private constructor(
    readonly options: SoakOptions,
    readonly ledger: Ledger,
    readonly weather: Weather,
    readonly source: SoakProject,
    readonly other: SoakProject,
    readonly writtenOnce: WrittenOnce,
    private readonly disposal: AsyncDisposableStack,
  ) {
    this.#random = new Random(options.seed + 100);
    this.users = new Users(source, this.truth, options.seed);
    this.checks = new SnapshotChecks(source, this.truth, ledger, () => this.users.told());
  }

  readonly users: Users;
  readonly checks: SnapshotChecks;

  /** Starts everything; nobody acts yet. */
  static async start(options: SoakOptions, ledger: Ledger): Promise<Soak> {
    await using disposal = new AsyncDisposableStack();
    const stack: Stack = disposal.use(await startStack());
    const weather = new Weather(options.seed + 200, options.faults / 100);
    const writtenOnce = new WrittenOnce(ledger);
    const repository = await stack.createRepositoryBucket();
    const restoring = { now: () => false };
    const watchSource = (receiver: "storage" | "s3", request: Passed) => {
      if (receiver === "s3") writtenOnce.passed(request);
      else if (!restoring.now()) checkUntouched(request, ledger);
    };
    const source = disposal.use(
      await SoakProject.start(stack, "source", repository, weather, watchSource),
    );
    const readOnly = stack.repositoryBucket(repository.bucket, { permissions: "read" });
    const other = disposal.use(
      await SoakProject.start(stack, "other", readOnly, weather, (receiver, request) => {
        if (receiver === "s3") writtenOnce.passed(request);
      }),
    );
    const soak = new Soak(
      options,
      ledger,
      weather,
      source,
      other,
      writtenOnce,
      disposal.move(),
    );
    restoring.now = () => soak.#holdBackups;
    return soak;
  }

  /** Lets everybody act for as long as was asked for, or until the signal comes. */
  async run(interrupted: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), this.options.minutes * MINUTE);
    interrupted.addEventListener("abort", () => ending.abort());
    if (interrupted.aborted) ending.abort();
    const ticking = new AbortController();
    await this.users.open();
    await this.source.sql`select holdfast.schedule('* * * * *', ${this.source.outerUrl})`;
    this.weather.calm = false;
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

  /** All that acts and looks, and at its end what is checked when all is at rest. */
  async #act(signal: AbortSignal, ticking: AbortController): Promise<void> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    try {
      await together(stop, [
        this.users.work(both),
        this.#schedule(both),
        this.#mischief(both),
        this.#elsewhere(both),
        repeat(both, () => SECOND, () => this.checks.look()),
        repeat(both, () => SECOND / 2, () => this.heap.look(this.source)),
        this.#stretches(both),
      ]);
      this.weather.calm = true;
      await finish(this);
    } finally {
      ticking.abort();
    }
  }

  /** Starts scheduled backups, and now and then restores into the project instead. */
  async #schedule(signal: AbortSignal): Promise<void> {
    const random = new Random(this.options.seed + 400);
    await repeat(signal, () => random.between(3, 8) * SECOND, async () => {
      if (!random.chance(0.06)) return await this.source.fire("holdfast backup");
      this.#holdBackups = true;
      const { source, users, checks, ledger } = this;
      await ledger.guard(() => restoreHere(source, users, checks, random, ledger));
      this.#holdBackups = false;
    });
  }

  async #mischief(signal: AbortSignal): Promise<void> {
    const random = this.#random;
    await repeat(signal, () => random.between(5, 25) * SECOND, async () => {
      const { source, ledger } = this;
      await ledger.guard(async () => {
        // Mostly while there is somebody to be killed at work.
        for (let tries = 0; tries < 20 && !await openRun(source); tries++) await delay(200, signal);
        await (random.chance(0.15) ? cancel(source, ledger) : kill(source, random, ledger));
      });
    });
  }

  async #elsewhere(signal: AbortSignal): Promise<void> {
    const random = new Random(this.options.seed + 500);
    await repeat(signal, () => random.between(10, 30) * SECOND, async () => {
      const { other, checks, ledger } = this;
      await ledger.guard(() =>
        random.chance(0.35)
          ? importElsewhere(other, checks, random, ledger)
          : restoreElsewhere(other, checks, random, ledger)
      );
    });
  }

  /** Every ten minutes tells the heap's level, and looks through all that was written. */
  async #stretches(signal: AbortSignal): Promise<void> {
    let begun = performance.now();
    await repeat(signal, () => STRETCH_MILLISECONDS, async () => {
      this.#tellHeap();
      await checkAtRest(this);
      begun = performance.now();
    });
    // The last one, where all but a moment of it was lived through.
    if (performance.now() - begun > 0.9 * STRETCH_MILLISECONDS) this.#tellHeap();
  }

  #tellHeap(): void {
    const level = this.heap.take();
    if (!level) return;
    const { median, most, peaks } = level;
    this.ledger.say(
      `heap of slices at its peak: ${median.toFixed(1)} MB (median of ${peaks.length} isolates), ` +
        `${most.toFixed(1)} at most`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disposal.disposeAsync();
  }
}

/** A backup only reads; what a restore left in a scratch bucket may be removed after it. */
function checkUntouched({ method, path }: Passed, ledger: Ledger): void {
  if (method === "GET" || method === "HEAD" || path.includes("/bucket/holdfast-")) return;
  ledger.break("source_untouched", `${method} ${path}`);
}
