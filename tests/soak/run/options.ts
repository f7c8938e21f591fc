import { parseArgs } from "node:util";

/** What `deno task soak` is asked to do. */
export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** The share of all requests that get a fault, in per cent. */
  readonly faults: number;
}

/** How the command is used. */
export const USAGE = `deno task soak [options]
  --minutes N   how long users work (10); open runs are completed after that
  --seed S      the seed of operations and faults; by default a new one, which is printed
  --faults P    per cent of all requests that get a fault (5)`;

/** Seeds are short, so that they are easily typed. */
const MAX_SEED = 1_000_000;
/** With more faults, slices hardly complete a page. */
const MAX_FAULTS = 20;

/**
 * Reads the arguments of the command.
 * @throws {TypeError} that says what is wrong with them
 */
export function readOptions(
  args: readonly string[],
  random: () => number = Math.random,
): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "10" },
      seed: { type: "string" },
      faults: { type: "string", default: "5" },
    },
  });
  const faults = number("faults", values.faults);
  if (faults > MAX_FAULTS) throw new TypeError(`--faults is at most ${MAX_FAULTS}`);
  return {
    minutes: number("minutes", values.minutes),
    seed: values.seed === undefined ? Math.floor(random() * MAX_SEED) : number("seed", values.seed),
    faults,
  };
}

function number(name: string, text: string): number {
  if (/^\d{1,9}(\.\d{1,3})?$/.test(text)) return Number(text);
  throw new TypeError(`--${name} takes a number, not ${text}`);
}
