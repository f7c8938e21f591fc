import { type Clock, clock } from "../../../supabase/functions/_holdfast/engine/clock.ts";

/** Something that is to be done at a time. */
interface Alarm {
  readonly at: number;
  readonly act: () => void;
}

/**
 * The clock of all lanes in this process: waits take no time, they only count. A deadline comes when
 * something lets time pass until it does, and never else, however busy the machine is.
 */
export class VirtualClock implements Clock {
  /** How far ahead of the world the date is, milliseconds. */
  aheadMs = 0;
  /** Waits that nothing would ever have ended. */
  endless = 0;
  #now = 0;
  readonly #alarms = new Set<Alarm>();
  readonly #ofSignals = new WeakMap<AbortSignal, Alarm>();

  /** Has the functions' code go by this clock. */
  install(): void {
    clock.now = () => this.now();
    clock.date = () => this.date();
    clock.delay = (ms) => this.delay(ms);
    clock.timeout = (ms) => this.timeout(ms);
    clock.after = (ms, act) => this.after(ms, act);
  }

  now(): number {
    return this.#now;
  }

  date(): Date {
    return new Date(Date.now() + this.aheadMs);
  }

  delay(ms: number): Promise<void> {
    this.#now += ms;
    // Others have their turn, as they would.
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

  /** Lets time pass until a wait is over: its signal aborts, or something else ends it. */
  async passUntil(signal: AbortSignal | undefined, isOver: () => boolean): Promise<void> {
    const own = signal && this.#ofSignals.get(signal);
    if (own) this.#ring(own);
    for (let next = this.#next(); !isOver(); next = this.#next()) {
      if (!next) {
        this.endless += 1;
        return;
      }
      this.#ring(next);
      // Whoever gave up says so a little later.
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
