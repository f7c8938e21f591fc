import { digestOf, type Snapshot } from "../../stack/repository_reader.ts";
import { holds } from "../../faults/promises.ts";
import type { Truth } from "../model/truth.ts";
import { untruthsOf } from "../model/untruths.ts";
import type { Ledger } from "../run/ledger.ts";
import type { SoakProject } from "../world/soak_project.ts";

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
    readonly truth: Truth,
    readonly ledger: Ledger,
    /** Resolves when the truth knows of all that has happened. */
    readonly told: () => Promise<void>,
  ) {}

  /** Checks what was sealed since the last time. */
  async look(): Promise<void> {
    this.#turn = this.#turn.then(() => this.ledger.guard(() => this.#look()));
    await this.#turn;
  }

  async #look(): Promise<void> {
    const { reader } = this.project;
    const ids = await holds("no_missing_bytes", () => reader.snapshotIds());
    for (const id of ids.slice(this.#seen)) {
      this.#seen++;
      const snapshot = await holds("no_missing_bytes", () => reader.snapshot(id));
      this.checked.push(snapshot);
      await this.told();
      await this.#check(snapshot);
    }
  }

  async #check(snapshot: Snapshot): Promise<void> {
    for (const entry of snapshot.entries.values()) await this.#readBytes(entry);
    const untruths = untruthsOf(snapshot, this.truth, this.held);
    for (const { promise, message } of untruths.slice(0, TOLD_UNTRUTHS)) {
      this.ledger.break(promise, `${snapshot.document.id}: ${message}`);
    }
    this.ledger.snapshotsChecked++;
    this.ledger.entriesMarked +=
      [...snapshot.entries.values()].filter((entry) => entry.wanted_version !== undefined).length;
  }

  async #readBytes(entry: Parameters<SoakProject["reader"]["bytes"]>[0]): Promise<void> {
    const { key } = entry;
    if (key === undefined || this.held.has(key)) return;
    const bytes = await holds("no_missing_bytes", () => this.project.reader.bytes(entry));
    this.held.set(key, digestOf(bytes));
  }
}
