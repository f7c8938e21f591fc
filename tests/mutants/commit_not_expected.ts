import { migration, type Mutant } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a worker continues from a commit that the database has lost",
  violates: ["restores_exactly"],
  scenarios: ["restore_rewound"],
  edits: [{
    file: migration("engine"),
    find: "if check_fencing_token.committed_at is not null and not exists",
    replace: "if false and not exists",
  }],
};
