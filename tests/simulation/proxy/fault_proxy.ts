import type { ServerFault } from "../fault_catalogue/names.ts";
import { exceptionFor, RANDOM_FAULTS } from "../fault_catalogue/pairs.ts";
import { type Kind, kindOf } from "./request_kinds.ts";
import {
  type Fault,
  type FaultName,
  isWorkerFault,
  type Party,
  type Step,
  WorkerDied,
} from "./step.ts";
import { WorkerState } from "./worker_state.ts";
import { RequestQueue } from "./request_queue.ts";

/** Decides at each step whether a fault is injected, beside the faults planned for single steps. */
export interface FaultSchedule {
  /** The fault to inject at a step; undefined for none. */
  next(step: Step): FaultName | undefined;
  /** Reports that a fault could not be applied: the response had nothing to corrupt. */
  notApplied(step: Step, faultName: FaultName): void;
  /** Injects nothing from now on. */
  stop(): void;
  /** Whether faults remain to be injected. */
  readonly hasMore: boolean;
}

/** A request to Storage or S3 that was answered. The checks examine it after the run. */
export interface Exchange {
  readonly party: Party;
  /** The number of its step, even if it was delayed before it was sent. */
  readonly step: number;
  readonly method: string;
  /** The origin of a project or of the S3 server. */
  readonly origin: string;
  /** The path as it was sent, without the query. */
  readonly path: string;
  readonly query: string;
  readonly status: number;
  /** The Range header of a read. */
  readonly range?: string | null;
}

/** A request as the proxy handles it: it is sent once, in one of three forms. */
export interface Request<Result> {
  readonly party: Party;
  readonly action: string;
  /** The kind, if it does not follow from the action. */
  readonly kind?: Kind;
  /** Sends it and waits for the complete response. */
  readonly send: () => Promise<Result>;
  /** The same with one byte of its body flipped; absent if it has no body. */
  readonly sendFlipped?: () => Promise<Result>;
  /** The result under a server's fault. Calls `missed` if the fault had nothing to corrupt. */
  readonly sendUnder: (fault: ServerFault, notApplied: () => void) => Promise<Result>;
  /** The error of a lost response or an unreachable server. */
  readonly lost: () => Error;
}

/**
 * Whether a planned fault applies to a step. A server's fault waits for a request that can meet it.
 */
function isFor(fault: Fault, { number, kind }: Step): boolean {
  const faultName = RANDOM_FAULTS.find((known) => known === fault.faultName);
  if (faultName === undefined || isWorkerFault(faultName)) return fault.step === number;
  return fault.step <= number && exceptionFor(faultName, kind) === undefined;
}

/**
 * Every request of every worker passes this proxy, one at a time, in the order of the queue. If that is
 * the order of arrival, every run has the same steps. At the step of a fault the proxy crashes or
 * delays the worker, drops the response, or changes it.
 */
export class FaultProxy {
  readonly steps: Step[] = [];
  readonly exchanges: Exchange[] = [];
  readonly #workers: WorkerState[] = [];
  #opened = 0;
  /** Planned faults that were not injected yet, each for one step. */
  faults: Fault[] = [];
  /** Random faults, at many steps. */
  randomFaults: FaultSchedule | undefined;
  /** The injected faults, in order. */
  readonly injected: { readonly step: Step; readonly fault: Fault }[] = [];
  /** Called before each step, while no other request is under way. */
  before: (step: Step) => Promise<void> = () => Promise.resolve();
  /** Called after each step that was carried out, while no other request is under way. */
  after: (step: Step) => Promise<void> = () => Promise.resolve();
  /** Called when a worker crashed or is delayed, while no other request is under way. */
  afterWorkerFault: (step: Step) => Promise<void> = () => Promise.resolve();
  /** Actions to run before steps, while no other request is under way. */
  readonly #actions: { readonly step: number; readonly act: () => Promise<void> }[] = [];
  /** For each unavailable server, the step from which it is available again. */
  readonly #unavailable = new Map<Party, number>();
  #cleared = false;
  readonly #delayed: { readonly wakeAt: number; readonly wake: () => void }[] = [];

  constructor(private readonly queue = new RequestQueue()) {}

  /**
   * Begins a worker. `quiet` waits for a worker in this process; the host of processes knows its
   * own.
   */
  openWorker(where: "processes" | "here" = "here"): WorkerState {
    const worker = new WorkerState(++this.#opened);
    if (where === "here") this.#workers.push(worker);
    return worker;
  }

  /** Runs an action before a step, or before the first later one. */
  at(step: number, act: () => Promise<void>): void {
    this.#actions.push({ step, act });
  }

  /** Waits until no worker of this process is active: all have ended, crashed or are delayed. */
  async quiet(): Promise<void> {
    while (true) {
      const working = this.#workers.filter((worker) => worker.working);
      if (working.length === 0) return;
      await Promise.race(working.map((worker) => worker.changed));
    }
  }

  /** Makes a server unavailable until a step; without effect after `recover`. */
  makeUnavailable(party: Party, until: number): void {
    if (!this.#cleared) this.#unavailable.set(party, until);
  }

  /** Ends all faults of servers; workers may still crash. */
  recover(): void {
    this.#cleared = true;
    this.randomFaults?.stop();
    this.faults = this.faults.filter(({ faultName }) => isWorkerFault(faultName));
    for (const party of this.#unavailable.keys()) this.#unavailable.set(party, 0);
  }

  /** Whether a server had a fault that may make a run fail. */
  get hadServerFault(): boolean {
    return this.#unavailable.size > 0 || this.randomFaults !== undefined ||
      this.injected.some(({ fault }) => !isWorkerFault(fault.faultName));
  }

  /** Passes one request of a worker on, or injects a fault into it. */
  async pass<Result>(worker: WorkerState, request: Request<Result>): Promise<Result> {
    const end = await this.queue.take();
    try {
      if (worker.dead) throw new WorkerDied();
      const step: Step = {
        number: this.steps.length + 1,
        worker: worker.number,
        party: request.party,
        action: request.action,
        kind: request.kind ?? kindOf(request.party, request.action),
      };
      this.steps.push(step);
      this.#wakeDue();
      await this.#runActions(step);
      await this.before(step);
      if (step.number < (this.#unavailable.get(step.party) ?? 0)) throw request.lost();
      const fault = this.#takeFault(step);
      if (fault === undefined) return await this.#carryOut(step, request.send);
      if (fault.faultName === "flip_byte" && !request.sendFlipped) {
        return await this.#carryOut(step, request.send);
      }
      this.injected.push({ step, fault });
      return await this.#next(fault, step, worker, request, end);
    } finally {
      end();
    }
  }

  async #runActions({ number }: Step): Promise<void> {
    for (const action of this.#actions.filter(({ step }) => step <= number)) {
      this.#actions.splice(this.#actions.indexOf(action), 1);
      await action.act();
    }
  }

  async #carryOut<Result>(step: Step, send: () => Promise<Result>): Promise<Result> {
    const result = await send();
    await this.after(step);
    return result;
  }

  /** Resumes all delayed workers; returns whether there were any. */
  wakeAll(): boolean {
    for (const { wake } of this.#delayed) wake();
    return this.#delayed.splice(0).length > 0;
  }

  async #next<Result>(
    fault: Fault,
    step: Step,
    worker: WorkerState,
    request: Request<Result>,
    endRequest: () => void,
  ): Promise<Result> {
    switch (fault.faultName) {
      case "die_before":
        return await this.#crash(worker, step);
      case "die_after":
        await request.send().catch(() => undefined);
        return await this.#crash(worker, step);
      case "lose_reply":
        await request.send().catch(() => undefined);
        throw request.lost();
      case "flip_byte":
        return await (request.sendFlipped ?? request.send)();
      case "sleep_before":
        await this.#delay(fault, worker, step, endRequest);
        return await this.#sendDelayed(request.send);
      case "sleep_after": {
        const result = await request.send();
        await this.#delay(fault, worker, step, endRequest);
        return result;
      }
      default:
        return await request.sendUnder(fault.faultName, () => {
          this.injected.splice(this.injected.findIndex((it) => it.step === step), 1);
          this.randomFaults?.notApplied(step, fault.faultName);
        });
    }
  }

  async #crash(worker: WorkerState, step: Step): Promise<never> {
    worker.die();
    await this.afterWorkerFault(step);
    throw new WorkerDied();
  }

  /** Delays a worker. Other workers' requests go on meanwhile. */
  async #delay(
    fault: Fault,
    worker: WorkerState,
    step: Step,
    endRequest: () => void,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // The worker counts as active from here: `quiet` must wait for it.
    const wake = () => {
      worker.wake();
      resolve();
    };
    this.#delayed.push({ wakeAt: step.number + (fault.wakeAfter ?? Infinity), wake });
    worker.sleep();
    await this.afterWorkerFault(step);
    endRequest();
    await promise;
  }

  async #sendDelayed<Result>(send: () => Promise<Result>): Promise<Result> {
    const end = await this.queue.take();
    try {
      return await send();
    } finally {
      end();
    }
  }

  #wakeDue(): void {
    const due = this.#delayed.filter(({ wakeAt }) => this.steps.length >= wakeAt);
    for (const worker of due) {
      this.#delayed.splice(this.#delayed.indexOf(worker), 1);
      worker.wake();
    }
  }

  #takeFault(step: Step): Fault | undefined {
    const at = this.faults.findIndex((fault) => isFor(fault, step));
    if (at >= 0) return this.faults.splice(at, 1)[0];
    const faultName = this.randomFaults?.next(step);
    return faultName && { step: step.number, faultName };
  }
}
