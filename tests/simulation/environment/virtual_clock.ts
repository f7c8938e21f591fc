import type { Clock } from "../../../supabase/functions/_holdfast/lib/clock/clock.ts";

/** An action at a time. */
interface Alarm {
  readonly at: number;
  readonly act: () => void;
}

/**
 * The clock of all workers in this process. Waits return at once and advance the clock. A deadline expires
 * only when something advances the clock to it, however busy the machine is.
 */
export class VirtualClock implements Clock {
  /** How far the date is ahead of the machine's, in milliseconds. */
  aheadMs = 0;
  /** The number of waits that nothing would have ended. */
  endless = 0;
  #now = 0;
  readonly #alarms = new Set<Alarm>();
  readonly #ofSignals = new WeakMap<AbortSignal, Alarm>();

  /** The same for a budget, for which no time passes: slices end when their options say so. */
  forBudget(): Clock {
    return {
      now: () => 0,
      date: () => this.date(),
      delay: (ms) => this.delay(ms),
      timeout: (ms) => this.timeout(ms),
      after: (ms, act) => this.after(ms, act),
    };
  }

  now(): number {
    return this.#now;
  }

  date(): Date {
    return new Date(Date.now() + this.aheadMs);
  }

  delay(ms: number): Promise<void> {
    this.#now += ms;
    // Other workers continue meanwhile.
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    const alarm = this.#set(ms, () => {
      controller.abort(new DOMException("Signal timed out.", "TimeoutError"));
    });
    this.#ofSignals.set(controller.signal, alarm);
    return controller.signal;
  }

  after(ms: number, act: () => void): () => void {
    const alarm = this.#set(ms, act);
    return () => void this.#alarms.delete(alarm);
  }

  /** Advances the clock until a wait is over: its signal aborts, or something else ends it. */
  async passUntil(signal: AbortSignal | undefined, isOver: () => boolean): Promise<void> {
    const own = signal && this.#ofSignals.get(signal);
    if (own) this.#ring(own);
    for (let next = this.#next(); !isOver(); next = this.#next()) {
      if (!next) {
        this.endless += 1;
        return;
      }
      this.#ring(next);
      // The code that gave up reports it in a later task.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #ring(alarm: Alarm): void {
    if (!this.#alarms.delete(alarm)) return;
    this.#now = Math.max(this.#now, alarm.at);
    alarm.act();
  }

  #set(ms: number, act: () => void): Alarm {
    const alarm = { at: this.#now + ms, act };
    this.#alarms.add(alarm);
    return alarm;
  }

  #next(): Alarm | undefined {
    return [...this.#alarms].sort((one, other) => one.at - other.at)[0];
  }
}
