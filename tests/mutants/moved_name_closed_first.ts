import { migration, type Mutant } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "names that are gone are closed before the objects are looked for under others",
  breaks: ["snapshot_accurate"],
  scenarios: ["moved_meanwhile"],
  edits: [{
    file: migration("engine"),
    find: "when 'backup.objects' then 'gone'",
    replace: "when 'backup.objects' then 'close'",
  }, {
    file: migration("wanted_elsewhere"),
    find: "else 'kept' end as fate",
    replace: "else 'moved' end as fate",
  }],
};
