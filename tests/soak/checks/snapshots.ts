import { digestOf, type Snapshot } from "../../../stack/repository_reader.ts";
import { assertInvariant } from "../../simulation/invariants.ts";
import type { ReferenceModel } from "../model/reference_model.ts";
import { violationsOf } from "../model/violations.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";

/** At most so many violations are reported of one snapshot; the others are usually alike. */
const MAX_REPORTED = 5;

/** Compares each sealed snapshot with the reference model and with the repository's bytes. */
export class SnapshotChecks {
  /** The checked snapshots, oldest first. */
  readonly checked: Snapshot[] = [];
  /** The SHA-256 of every object that a snapshot named so far, by key. */
  readonly held = new Map<string, string>();
  #seen = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(
    readonly project: SoakProject,
    readonly model: ReferenceModel,
    readonly journal: Journal,
    /** Resolves when the reference model contains all changes that have begun. */
    readonly recorded: () => Promise<void>,
  ) {}

  /** Checks the snapshots that were sealed since the last call. */
  async checkNew(): Promise<void> {
    this.#turn = this.#turn.then(() => this.journal.guard(() => this.#checkNew()));
    await this.#turn;
  }

  async #checkNew(): Promise<void> {
    const { reader } = this.project;
    const ids = await assertInvariant("no_missing_bytes", () => reader.snapshotIds());
    for (const id of ids.slice(this.#seen)) {
      this.#seen++;
      const snapshot = await assertInvariant("no_missing_bytes", () => reader.snapshot(id));
      this.checked.push(snapshot);
      await this.recorded();
      await this.#check(snapshot);
    }
  }

  async #check(snapshot: Snapshot): Promise<void> {
    for (const entry of snapshot.entries.values()) await this.#readBytes(entry);
    const violations = violationsOf(snapshot, this.model, this.held);
    for (const { invariant, message } of violations.slice(0, MAX_REPORTED)) {
      this.journal.break(invariant, `${snapshot.document.id}: ${message}`);
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
