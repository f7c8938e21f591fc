import { type InvariantName, InvariantViolation } from "../../simulation/invariants.ts";

/** The results of a soak so far. */
export class Journal {
  /** The runs of all projects, by kind and state; read at the end. */
  runs: ReadonlyMap<string, number> = new Map();
  readonly broken: InvariantViolation[] = [];
  snapshotsChecked = 0;
  /** The number of their entries that are marked as not readable. */
  entriesMarked = 0;
  restoresChecked = 0;
  /** The number of objects that restores reported as not restored. */
  objectsReported = 0;
  importsChecked = 0;
  kills = 0;
  cancels = 0;

  constructor(readonly say: (text: string) => void) {}

  /** Records a violation and continues. */
  break(invariant: InvariantName, message: string): void {
    this.take(new InvariantViolation(invariant, message));
  }

  take(broken: InvariantViolation): void {
    this.broken.push(broken);
    this.say(`BROKEN ${broken.message}`);
  }

  /** Runs something and records a violation that it throws. Other errors are thrown on. */
  async guard(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      this.take(error);
    }
  }
}
