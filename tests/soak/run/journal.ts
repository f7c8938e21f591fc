import { type InvariantName, InvariantViolation } from "../../simulation/invariants.ts";

/** What came of a soak so far. */
export class Journal {
  /** Runs of all projects, by kind and how they ended; read when all is over. */
  runs: ReadonlyMap<string, number> = new Map();
  readonly broken: InvariantViolation[] = [];
  snapshotsChecked = 0;
  /** Entries of these that are marked as not to be had. */
  entriesMarked = 0;
  restoresChecked = 0;
  /** Objects that these said they could not restore. */
  objectsReported = 0;
  importsChecked = 0;
  kills = 0;
  cancels = 0;

  constructor(readonly say: (text: string) => void) {}

  /** Takes down a promise that was broken, and goes on. */
  break(promise: InvariantName, message: string): void {
    this.take(new InvariantViolation(promise, message));
  }

  take(broken: InvariantViolation): void {
    this.broken.push(broken);
    this.say(`BROKEN ${broken.message}`);
  }

  /** Does something that may find a promise broken; whatever else it throws is passed on. */
  async guard(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      this.take(error);
    }
  }
}
