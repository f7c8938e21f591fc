import type { InvariantName } from "../simulation/invariants.ts";

/** A change of one place in one file. */
export interface Edit {
  /** From the repository's root. */
  readonly file: string;
  /** Text that is there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A deliberate bug, which `deno task simulate` must find. */
export interface Mutant {
  /** What the bug is. */
  readonly what: string;
  /** Promises of which it breaks one, whichever is seen first. */
  readonly breaks: readonly InvariantName[];
  /** Scenarios in which it shows. */
  readonly scenarios: readonly string[];
  readonly edits: readonly Edit[];
}

const SHIPPED = "supabase/functions/_holdfast";
const MIGRATIONS = "supabase/migrations";

/** A file that functions share. */
export function shared(path: string): string {
  return `${SHIPPED}/${path}`;
}

/** A migration by what follows its time. */
export function migration(name: string): string {
  return `${MIGRATIONS}/*_holdfast_${name}.sql`;
}
