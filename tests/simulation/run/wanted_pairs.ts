import { exceptionFor, faultsOf, type RandomFault } from "../fault_catalogue/pairs.ts";
import { type Kind, KINDS } from "../proxy/request_kinds.ts";

/** How many more times a pair can be wanted: one base-36 digit each. */
const MAX_WANTED = 35;

/**
 * How many more times each fault is wanted at each kind of request. The random faults of a seed are
 * steered by it, so its text (`toString`) together with the seed reproduces a run exactly.
 */
export class WantedPairs {
  readonly #wanted = new Map<Kind, readonly number[]>();

  /** @param of how many more times a pair is wanted, for the kinds that are listed */
  constructor(kinds: readonly Kind[], of: (fault: RandomFault, kind: Kind) => number) {
    for (const kind of KINDS.filter((kind) => kinds.includes(kind))) {
      const numbers = faultsOf(kind).map((fault) =>
        Math.min(MAX_WANTED, Math.max(0, of(fault, kind)))
      );
      if (numbers.some((number) => number > 0)) this.#wanted.set(kind, numbers);
    }
  }

  /** How many more times a pair is wanted; 0 for one that cannot occur. */
  of(fault: RandomFault, kind: Kind): number {
    if (exceptionFor(fault, kind) !== undefined) return 0;
    return this.#wanted.get(kind)?.[faultsOf(kind).indexOf(fault)] ?? 0;
  }

  /** The kinds of request of which at least one pair is wanted. */
  get kinds(): readonly Kind[] {
    return [...this.#wanted.keys()];
  }

  /** How many meetings are wanted in all. */
  get sum(): number {
    return [...this.#wanted.values()].flat().reduce((sum, number) => sum + number, 0);
  }

  /**
   * As the command line takes it: for each kind its number, a colon, and a base-36 digit for each of
   * its faults, or one digit where all are equal. Example: `9:k.12:00a3…`.
   */
  toString(): string {
    return [...this.#wanted].map(([kind, numbers]) => {
      const digits = numbers.map((number) => number.toString(36)).join("");
      const equal = numbers.every((number) => number === numbers[0]);
      return `${KINDS.indexOf(kind)}:${equal ? digits[0] : digits}`;
    }).join(".");
  }

  /**
   * Reads what `toString` wrote.
   * @throws {TypeError} if the text is malformed
   */
  static parse(text: string): WantedPairs {
    const byKind = new Map<Kind, string>();
    for (const part of text.split(".")) {
      const [, number = "", digits = ""] = /^(\d+):([0-9a-z]+)$/.exec(part) ?? [];
      const kind = KINDS[Number(number)];
      const faults = kind === undefined ? 0 : faultsOf(kind).length;
      if (number === "" || !kind || (digits.length !== 1 && digits.length !== faults)) {
        throw new TypeError(`--wanted takes what a run printed, not ${part}`);
      }
      byKind.set(kind, digits.length === 1 ? digits.repeat(faults) : digits);
    }
    return new WantedPairs(
      [...byKind.keys()],
      (fault, kind) => parseInt(byKind.get(kind)![faultsOf(kind).indexOf(fault)]!, 36),
    );
  }
}
