import { migration, type Mutant } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "missing names are closed before their objects are searched under other names",
  violates: ["snapshot_accurate"],
  scenarios: ["moved_meanwhile"],
  edits: [{
    file: migration("engine"),
    find: "when 'backup.objects' then 'missing'",
    replace: "when 'backup.objects' then 'close'",
  }, {
    file: migration("backup"),
    find: "else 'kept' end as fate",
    replace: "else 'moved' end as fate",
  }],
};
