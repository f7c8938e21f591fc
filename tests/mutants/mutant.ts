import type { InvariantName } from "../simulation/invariants.ts";

/** A change of one passage of one file. */
export interface Edit {
  /** The path from the repository's root. */
  readonly file: string;
  /** A text that occurs exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A mutant: a deliberate bug that `deno task simulate` must find. */
export interface Mutant {
  /** What the bug is. */
  readonly what: string;
  /** Invariants that it may violate; the run must report one of them. */
  readonly violates: readonly InvariantName[];
  /** Scenarios in which it is detected. */
  readonly scenarios: readonly string[];
  readonly edits: readonly Edit[];
}

const SHIPPED = "supabase/functions/_holdfast";
const MIGRATIONS = "supabase/migrations";

/** The path of a file that the functions share. */
export function shared(path: string): string {
  return `${SHIPPED}/${path}`;
}

/** The path of a migration, by the name that follows its time. */
export function migration(name: string): string {
  return `${MIGRATIONS}/*_holdfast_${name}.sql`;
}
