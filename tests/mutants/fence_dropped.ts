import { migration, type Mutant } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a lease is checked, but not its owner",
  violates: ["fenced"],
  scenarios: ["first_backup"],
  edits: [{
    file: migration("engine"),
    find: "and cc.lease_owner = require_lease.owner",
    replace: "",
  }],
};
