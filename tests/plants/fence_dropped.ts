import { migration, type Plant } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "a lease is asked for, but not whose it is",
  breaks: ["fenced"],
  scenarios: ["first_backup"],
  edits: [{
    file: migration("engine"),
    find: "and cc.lease_owner = require_lease.owner",
    replace: "",
  }],
};
