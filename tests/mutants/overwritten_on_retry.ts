import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a PUT is sent without If-None-Match",
  violates: ["written_once"],
  scenarios: ["first_backup"],
  edits: [{
    file: shared("destinations/s3/store.ts"),
    find: "await send(conditional ? onlyIfAbsent(asked) : asked)",
    replace: "await send(asked)",
  }],
};
