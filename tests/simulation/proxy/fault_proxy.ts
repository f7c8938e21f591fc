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

/** What lets faults strike at steps that nobody chose one by one. */
export interface FaultSchedule {
  /** What strikes at a step. */
  next(step: Step): FaultName | undefined;
  /** A fault that struck found nothing to spoil. */
  notApplied(step: Step, faultName: FaultName): void;
  /** From now on nothing strikes. */
  stop(): void;
  /** Whether there is more to come. */
  readonly hasMore: boolean;
}

/** A request to Storage or S3 that was answered, as the checks look at it afterwards. */
export interface Exchange {
  readonly party: Party;
  /** How many steps there had been when it was asked for, itself included. */
  readonly step: number;
  readonly method: string;
  /** Of a project or of the S3 server. */
  readonly origin: string;
  /** Path as it was sent, without the query. */
  readonly path: string;
  readonly query: string;
  readonly status: number;
  /** Of a read: the header that asks for a part. */
  readonly range?: string | null;
}

/** A request as the door sees it: done once, in one of three forms. */
export interface Request<Result> {
  readonly party: Party;
  readonly action: string;
  /** Where the action does not say it. */
  readonly kind?: Kind;
  /** Sends it and waits for the whole answer. */
  readonly send: () => Promise<Result>;
  /** The same with a byte of its body flipped on the way; absent where it has none to flip. */
  readonly sendFlipped?: () => Promise<Result>;
  /** What comes of it where the server has a fault; `missed` is called where that finds nothing to spoil. */
  readonly sendUnder: (fault: ServerFault, notApplied: () => void) => Promise<Result>;
  /** What the caller gets where the answer is lost, or nobody is there. */
  readonly lost: () => Error;
}

/** A fault that a request of its kind can't meet waits for one that can. */
function isFor(fault: Fault, { number, kind }: Step): boolean {
  const faultName = RANDOM_FAULTS.find((known) => known === fault.faultName);
  if (faultName === undefined || isWorkerFault(faultName)) return fault.step === number;
  return fault.step <= number && exceptionFor(faultName, kind) === undefined;
}

/**
 * What every request of every lane passes, one at a time and in the order of turns. Where that is
 * the order of asking, the steps of a run are the same each time it is run. At the steps of its
 * faults it lets the lane die, sleep, or lose the answer.
 */
export class FaultProxy {
  readonly steps: Step[] = [];
  readonly exchanges: Exchange[] = [];
  readonly #workers: WorkerState[] = [];
  #opened = 0;
  /** Faults to come, each for one step. */
  faults: Fault[] = [];
  /** What else goes wrong, at many steps. */
  randomFaults: FaultSchedule | undefined;
  /** Faults that struck, in the order in which they did. */
  readonly injected: { readonly step: Step; readonly fault: Fault }[] = [];
  /** Called before each step, while no other request is under way. */
  before: (step: Step) => Promise<void> = () => Promise.resolve();
  /** Called after each step that was carried out, while no other request is under way. */
  after: (step: Step) => Promise<void> = () => Promise.resolve();
  /** Called when a lane has died or fallen asleep, while no other request is under way. */
  afterWorkerFault: (step: Step) => Promise<void> = () => Promise.resolve();
  /** What is to happen before steps, while no other request is under way. */
  readonly #appointments: { readonly step: number; readonly act: () => Promise<void> }[] = [];
  /** Before which step a server that was away lets nobody through. */
  readonly #away = new Map<Party, number>();
  #cleared = false;
  readonly #sleepers: { readonly wakeAt: number; readonly wake: () => void }[] = [];

  constructor(private readonly queue = new RequestQueue()) {}

  /** Begins a lane; of processes, whose own host knows when they are quiet, or one here. */
  openWorker(where: "processes" | "here" = "here"): WorkerState {
    const worker = new WorkerState(++this.#opened);
    if (where === "here") this.#workers.push(worker);
    return worker;
  }

  /** Has something happen before a step, or before the first one that comes later. */
  at(step: number, act: () => Promise<void>): void {
    this.#appointments.push({ step, act });
  }

  /** Waits until no lane works here: all have ended, died or fallen asleep. */
  async quiet(): Promise<void> {
    while (true) {
      const working = this.#workers.filter((worker) => worker.working);
      if (working.length === 0) return;
      await Promise.race(working.map((worker) => worker.changed));
    }
  }

  /** Lets no request through to a server before a step; not where all has cleared up. */
  stayAway(party: Party, until: number): void {
    if (!this.#cleared) this.#away.set(party, until);
  }

  /** From now on servers are well; lanes may still die. */
  recover(): void {
    this.#cleared = true;
    this.randomFaults?.stop();
    this.faults = this.faults.filter(({ faultName }) => isWorkerFault(faultName));
    for (const party of this.#away.keys()) this.#away.set(party, 0);
  }

  /** Whether a server has done anything that may make a run fail. */
  get hadServerFault(): boolean {
    return this.#away.size > 0 || this.randomFaults !== undefined ||
      this.injected.some(({ fault }) => !isWorkerFault(fault.faultName));
  }

  /** Lets one request of a lane through, or not. */
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
      await this.#keepAppointments(step);
      await this.before(step);
      if (step.number < (this.#away.get(step.party) ?? 0)) throw request.lost();
      const fault = this.#take(step);
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

  async #keepAppointments({ number }: Step): Promise<void> {
    for (const appointment of this.#appointments.filter(({ step }) => step <= number)) {
      this.#appointments.splice(this.#appointments.indexOf(appointment), 1);
      await appointment.act();
    }
  }

  async #carryOut<Result>(step: Step, send: () => Promise<Result>): Promise<Result> {
    const result = await send();
    await this.after(step);
    return result;
  }

  /** Wakes all that sleep; whether there were any. */
  wakeAll(): boolean {
    for (const { wake } of this.#sleepers) wake();
    return this.#sleepers.splice(0).length > 0;
  }

  async #next<Result>(
    fault: Fault,
    step: Step,
    worker: WorkerState,
    request: Request<Result>,
    endTurn: () => void,
  ): Promise<Result> {
    switch (fault.faultName) {
      case "die_before":
        return await this.#die(worker, step);
      case "die_after":
        await request.send().catch(() => undefined);
        return await this.#die(worker, step);
      case "lose_reply":
        await request.send().catch(() => undefined);
        throw request.lost();
      case "flip_byte":
        return await (request.sendFlipped ?? request.send)();
      case "sleep_before":
        await this.#sleep(fault, worker, step, endTurn);
        return await this.#afterSleep(request.send);
      case "sleep_after": {
        const result = await request.send();
        await this.#sleep(fault, worker, step, endTurn);
        return result;
      }
      default:
        return await request.sendUnder(fault.faultName, () => {
          this.injected.splice(this.injected.findIndex((it) => it.step === step), 1);
          this.randomFaults?.notApplied(step, fault.faultName);
        });
    }
  }

  async #die(worker: WorkerState, step: Step): Promise<never> {
    worker.die();
    await this.afterWorkerFault(step);
    throw new WorkerDied();
  }

  /** Ends the turn meanwhile, so that the others go on. */
  async #sleep(fault: Fault, worker: WorkerState, step: Step, endTurn: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // It works from the moment that it is woken, or who waits for all to be quiet would not wait for it.
    const wake = () => {
      worker.wake();
      resolve();
    };
    this.#sleepers.push({ wakeAt: step.number + (fault.wakeAfter ?? Infinity), wake });
    worker.sleep();
    await this.afterWorkerFault(step);
    endTurn();
    await promise;
  }

  async #afterSleep<Result>(send: () => Promise<Result>): Promise<Result> {
    const end = await this.queue.take();
    try {
      return await send();
    } finally {
      end();
    }
  }

  #wakeDue(): void {
    const due = this.#sleepers.filter(({ wakeAt }) => this.steps.length >= wakeAt);
    for (const sleeper of due) {
      this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
      sleeper.wake();
    }
  }

  #take(step: Step): Fault | undefined {
    const at = this.faults.findIndex((fault) => isFor(fault, step));
    if (at >= 0) return this.faults.splice(at, 1)[0];
    const faultName = this.randomFaults?.next(step);
    return faultName && { step: step.number, faultName };
  }
}
