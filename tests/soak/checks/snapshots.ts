import { digestOf, type Snapshot } from "../../e2e/support/repository_reader.ts";
import { assertInvariant } from "../../simulation/invariants.ts";
import type { ReferenceModel } from "../model/reference_model.ts";
import { violationsOf } from "../model/violations.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";

/** Of one snapshot so many untruths are told; the others are like them. */
const TOLD_UNTRUTHS = 5;

/** Holds each snapshot, once it is sealed, to the truth and to the bytes in the repository. */
export class SnapshotChecks {
  /** Those that were checked, oldest first. */
  readonly checked: Snapshot[] = [];
  /** The SHA-256 of what lies under each key of data that was named so far. */
  readonly held = new Map<string, string>();
  #seen = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(
    readonly project: SoakProject,
    readonly model: ReferenceModel,
    readonly journal: Journal,
    /** Resolves when the truth knows of all that has happened. */
    readonly reported: () => Promise<void>,
  ) {}

  /** Checks what was sealed since the last time. */
  async look(): Promise<void> {
    this.#turn = this.#turn.then(() => this.journal.guard(() => this.#look()));
    await this.#turn;
  }

  async #look(): Promise<void> {
    const { reader } = this.project;
    const ids = await assertInvariant("no_missing_bytes", () => reader.snapshotIds());
    for (const id of ids.slice(this.#seen)) {
      this.#seen++;
      const snapshot = await assertInvariant("no_missing_bytes", () => reader.snapshot(id));
      this.checked.push(snapshot);
      await this.reported();
      await this.#check(snapshot);
    }
  }

  async #check(snapshot: Snapshot): Promise<void> {
    for (const entry of snapshot.entries.values()) await this.#readBytes(entry);
    const violations = violationsOf(snapshot, this.model, this.held);
    for (const { promise, message } of violations.slice(0, TOLD_UNTRUTHS)) {
      this.journal.break(promise, `${snapshot.document.id}: ${message}`);
    }
    this.journal.snapshotsChecked++;
    this.journal.entriesMarked +=
      [...snapshot.entries.values()].filter((entry) => entry.wanted_version !== undefined).length;
  }

  async #readBytes(entry: Parameters<SoakProject["reader"]["bytes"]>[0]): Promise<void> {
    const { key } = entry;
    if (key === undefined || this.held.has(key)) return;
    const bytes = await assertInvariant("no_missing_bytes", () => this.project.reader.bytes(entry));
    this.held.set(key, digestOf(bytes));
  }
}
