import type { Clock } from "../../../supabase/functions/_holdfast/lib/clock/clock.ts";

/** What a test clock does when it reaches a time. */
interface Alarm {
  readonly at: number;
  readonly act: () => void;
}

/**
 * A clock whose waits take no real time. While something waits, the clock advances to the end of the
 * shortest wait. A deadline (`timeout`, `after`) passes only when a wait or `advance` reaches it.
 */
export class TestClock implements Clock {
  /** Each requested wait, in milliseconds. */
  readonly waits: number[] = [];
  #now = 123_456;
  readonly #alarms = new Set<Alarm>();
  readonly #waiting = new Set<Alarm>();

  now(): number {
    return this.#now;
  }

  /** Starts at a whole second, as HTTP dates have no fractions of one. */
  date(): Date {
    return new Date(Date.UTC(2026, 11, 1) + this.#now - 123_456);
  }

  delay(ms: number): Promise<void> {
    this.waits.push(ms);
    return new Promise((resolve) => {
      const alarm = this.#set(ms, () => {
        this.#waiting.delete(alarm);
        resolve();
      });
      this.#waiting.add(alarm);
      // Later, so that other waits can begin: waits that overlap do not add up.
      setTimeout(() => this.#endShortestWait(), 0);
    });
  }

  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#set(ms, () => controller.abort(new DOMException("Signal timed out.", "TimeoutError")));
    return controller.signal;
  }

  after(ms: number, act: () => void): () => void {
    const alarm = this.#set(ms, act);
    return () => void this.#alarms.delete(alarm);
  }

  /** Advances the time by some milliseconds; the waits and deadlines within them end in order. */
  advance(ms: number): void {
    this.#advanceTo(this.#now + ms);
  }

  #set(ms: number, act: () => void): Alarm {
    const alarm = { at: this.#now + ms, act };
    this.#alarms.add(alarm);
    return alarm;
  }

  #endShortestWait(): void {
    const shortest = earliest(this.#waiting);
    if (shortest) this.#advanceTo(shortest.at);
  }

  #advanceTo(time: number): void {
    for (let next = earliest(this.#alarms); next && next.at <= time;) {
      this.#alarms.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.act();
      next = earliest(this.#alarms);
    }
    this.#now = Math.max(this.#now, time);
  }
}

/** The alarm with the earliest time; of several, the one that was set first. */
function earliest(alarms: Iterable<Alarm>): Alarm | undefined {
  let first: Alarm | undefined;
  for (const alarm of alarms) if (!first || alarm.at < first.at) first = alarm;
  return first;
}
